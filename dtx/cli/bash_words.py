r"""The words of a command line as bash's completion gives them, put together again.

Bash cuts a word that is not quoted at the characters of COMP_WORDBREAKS: `kill@payments` comes as three words, and
what is completed replaces only the last of them. And `>` is a redirection: a link must come back as `a-\>b`.
"""

import contextlib
import io
import os
import re
import sys
from collections.abc import Iterator, Sequence

INSTRUCTION = "_DTX_COMPLETE"
_BREAKS = re.compile(r"[@:=]+")
_SPECIAL = re.compile(r"([>*])")


def is_completing() -> bool:
    """Whether a shell asks for completions."""
    return INSTRUCTION in os.environ


@contextlib.contextmanager
def mended() -> Iterator[None]:
    """Give the library whole words, and bash what has to stand in place of the last part."""
    if os.environ.get(INSTRUCTION) != "complete_bash":
        yield
        return
    words = os.environ.get("COMP_WORDS", "").split("\n")
    number = int(os.environ.get("COMP_CWORD", "0"))
    glued, current = glue([*words, ""] if number == len(words) else words, number)
    os.environ["COMP_WORDS"] = "\n".join("".join(parts) for parts in glued)
    os.environ["COMP_CWORD"] = str(current)
    said = io.StringIO()
    try:
        with contextlib.redirect_stdout(said):
            yield
    finally:
        sys.stdout.write("".join(f"{as_typed(x, glued[-1])}\n" for x in said.getvalue().split()))


def glue(words: Sequence[str], number: int) -> tuple[list[list[str]], int]:
    """Return the parts of each real word up to number `number`, and which of them that one is in."""
    glued: list[list[str]] = []
    is_open = False
    for word in words[: number + 1]:
        before = "".join(glued[-1]) if glued else ""
        is_break = bool(
            (_BREAKS.fullmatch(word) and not (word.startswith("=") and before.startswith("-")))
            or (word == ">" and before.endswith("-"))
        )
        if glued and (is_break or is_open):
            glued[-1].append(word)
        else:
            glued.append([word])
        is_open = is_break
    return glued, len(glued) - 1


def as_typed(name: str, parts: Sequence[str]) -> str:
    """Return what bash must put in place of the last of these parts for `name` to stand there."""
    last = "" if _BREAKS.fullmatch(parts[-1]) or parts[-1] == ">" else parts[-1]
    # An `@` belongs to what is replaced (readline's rl_special_prefixes: it may begin a host's name).
    kept = "".join(parts).removesuffix(last).removesuffix("@").replace("\\", "")
    rest = name.removeprefix(kept)
    return rest if parts[0][:1] in ("'", '"') else _SPECIAL.sub(r"\\\1", rest)
