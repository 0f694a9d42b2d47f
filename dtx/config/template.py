"""Templates: text with `{kind.name.field}` and `{field}` in it; `{{` and `}}` are braces."""

import re

from dtx.config.model import Reference, Template
from dtx.config.place import Place, shown

_TOKEN = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
_WORD = re.compile(r"[A-Za-z0-9_-]+")


def parse_template(text: str, place: Place) -> Template:
    """Cut a text into literal strings and references.

    Raises:
        ConfigError: a lone brace, or a reference that is neither `{field}` nor `{kind.name.field}`.
    """
    parts: list[str | Reference] = []
    literal, end = "", 0
    for token in _TOKEN.finditer(text):
        literal += text[end : token.start()]
        end = token.end()
        if token[0] in {"{{", "}}"}:
            literal += token[0][0]
            continue
        reference = _reference(token, text, place)
        parts.extend((literal, reference) if literal else (reference,))
        literal = ""
    literal += text[end:]
    return Template(parts=(*parts, literal) if literal else tuple(parts))


def _reference(token: re.Match[str], text: str, place: Place) -> Reference:
    if token[1] is None:
        raise place.error(
            f'a lone "{token[0]}" in {shown(text)}', hint="write {{ and }} for braces in the text"
        )
    words = token[1].split(".")
    if all(_WORD.fullmatch(word) for word in words):
        if len(words) == 1:
            return Reference(kind="", name="", field=words[0])
        if len(words) == 3:
            return Reference(kind=words[0], name=words[1], field=words[2])
    raise place.error(
        f"{shown(token[0])} is no reference",
        hint="write {kind.name.field}, {field}, or {{ and }} for braces in the text",
    )


def written(reference: Reference) -> str:
    """Return a reference as it stands in the file."""
    if not reference.kind:
        return f"{{{reference.field}}}"
    return f"{{{reference.kind}.{reference.name}.{reference.field}}}"
