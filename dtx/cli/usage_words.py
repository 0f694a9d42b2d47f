"""What is wrong with a command line, in our own words: the library's tell of types and of its own classes."""

import difflib
import re
from collections.abc import Collection, Sequence
from typing import Any

from typer import TyperException

_WANTED = {
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "int_parsing_size": "must be a whole number of fewer digits",
    "float_parsing": "must be a number",
    "finite_number": "must be a number",
}
_LIKENESS = 0.6
_BOUNDS = {"greater_than_equal": ("at least", "ge"), "less_than_equal": ("at most", "le")}
_EXTRA = re.compile(r"unexpected extra argument(?:s|\(s\))? \((.*)\)")
_NEEDS_VALUE = re.compile(r"Option '([^']+)' requires an argument")
_NO_OPTION = re.compile(r"No such option: (\S+)")
_NO_COMMAND = re.compile(r"No such command '([^']*)'")


def usage_words(error: TyperException) -> tuple[str, str]:
    """Return what is wrong, on one line, and what to do about it."""
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "dtx"
    message, hint = _words(error, command)
    return " ".join(message.split()), hint or f"`{command} --help` lists what there is"


def _words(error: TyperException, command: str) -> tuple[str, str]:
    describe = getattr(error, "format_message", None)
    library = str(describe()) if describe else str(error)
    parameter = getattr(error, "param", None)
    if parameter is not None and type(error).__name__ == "MissingParameter":
        choices = re.findall(r"\t([^,\n]+)", library)
        return f"{command}: wanted {_one_of(choices) or _name(parameter)}", ""
    if parameter is not None and error.__cause__ is not None:
        return _wrong_value(parameter, error.__cause__) or (library, "")
    return _wrong_words(library, command, _commands(error), _options(error))


def _wrong_words(
    library: str, command: str, commands: Sequence[str], options: Sequence[str]
) -> tuple[str, str]:
    """Return our words for those of the library; its own where we have none."""
    if library.startswith("Missing command"):
        return f"{command}: wanted {_one_of(commands) or 'a command'}", ""
    if found := _NO_COMMAND.search(library):
        return f"{command}: there is no command {found[1]}", near_word(found[1], commands)
    if found := _NO_OPTION.search(library):
        return f"{command}: there is no option {found[1]}", near_word(found[1], options)
    if found := _EXTRA.search(library):
        return f"{command}: too many words: {found[1]}", ""
    if found := _NEEDS_VALUE.search(library):
        return f"{found[1]} needs a value", ""
    return library, ""


def _wrong_value(parameter: Any, cause: BaseException) -> tuple[str, str] | None:
    """Return what is wrong with a value, from the validation error behind it; None if we have no words for it."""
    details: list[dict[str, Any]] = getattr(cause, "errors", list)()
    if not details:
        return None
    first = details[0]
    subject = f"{_name(parameter)} {first.get('input', '')}"
    kind = str(first.get("type", ""))
    if kind in _WANTED:
        return f"{subject}: {_WANTED[kind]}", ""
    if kind in _BOUNDS:
        words, key = _BOUNDS[kind]
        return f"{subject}: must be {words} {first.get('ctx', {}).get(key)}", ""
    _, is_choice, choices = str(first.get("msg", "")).partition(" is not one of ")
    if is_choice:
        allowed = re.findall(r"'([^']*)'", choices)
        return f"{subject}: wanted {_one_of(allowed)}", near_word(
            str(first.get("input", "")), allowed
        )
    return None


def _name(parameter: Any) -> str:
    options = [flag for flag in parameter.opts if flag.startswith("--")]
    return options[0] if options else str(parameter.name).upper()


def _one_of(names: Sequence[str]) -> str:
    return f"one of {', '.join(names)}" if names else ""


def _commands(error: TyperException) -> list[str]:
    context = getattr(error, "ctx", None)
    names = getattr(getattr(context, "command", None), "list_commands", None)
    return list(names(context)) if names else []


def _options(error: TyperException) -> list[str]:
    parameters = getattr(getattr(getattr(error, "ctx", None), "command", None), "params", ())
    return [flag for parameter in parameters for flag in parameter.opts if flag.startswith("--")]


def near_word(word: str, known: Collection[str]) -> str:
    """Return a question with the word that was probably meant; nothing if none is near.

    The dashes before options are not compared: all have them.
    """
    bare = {each.removeprefix("--"): each for each in known}
    near = difflib.get_close_matches(word.removeprefix("--"), bare, n=1, cutoff=_LIKENESS)
    return f"did you mean {bare[near[0]]}?" if near else ""
