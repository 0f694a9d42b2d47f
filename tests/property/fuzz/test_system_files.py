"""Whatever stands in a system.toml, `dtx show` and `dtx run --plan` answer with a result or a clear error."""

import random
import shutil
import tomllib
from pathlib import Path
from typing import Any

import pytest

from dtx.config.find import builtin_systems, find_system
from dtx.config.loader import declared, load_system
from dtx.config.model import Selection
from dtx.core.errors import ConfigError
from tests.property.fuzz.answers import answer, inputs
from tests.property.fuzz.mutations import mutated_bytes, mutated_text, mutated_value
from tests.unit.config.sample import TEXT, write
from tests.unit.docs.test_own_system import copied

INPUTS = 3800
THROUGH_THE_COMMAND = 40
"""One input in so many goes through the whole command: that takes ten times as long as the reading."""


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Folders of whole systems: the built-in ones, that of the docs and that of the configuration's tests."""
    root = tmp_path_factory.mktemp("systems")
    copies = [
        shutil.copytree(find_system(name), root / name, ignore=shutil.ignore_patterns("*.py*"))
        for name in builtin_systems()
    ]
    (root / "docs").mkdir()
    return [*copies, copied(root / "docs"), write(root, TEXT)]


def test_mutated_system_is_shown_planned_or_refused_with_a_clear_error(
    originals: list[Path],
) -> None:
    for number in inputs(INPUTS):
        rng = random.Random(f"system {number}")
        folder = rng.choice(originals)
        file = folder / "system.toml"
        original = file.read_bytes()
        try:
            file.write_bytes(mutated(original, rng))
            if number % THROUGH_THE_COMMAND:
                read(folder, rng)
            else:
                ask(folder, rng)
        except Exception as error:
            error.add_note(f"input {number} of {folder.name}")
            raise
        finally:
            file.write_bytes(original)


def mutated(content: bytes, rng: random.Random) -> bytes:
    """Return the file with changes of its bytes, its text, or its values."""
    kind = rng.random()
    if kind < 0.05:
        return mutated_bytes(content, rng)
    if kind < 0.55:
        return mutated_text(content.decode(), rng).encode()
    tables: Any = tomllib.loads(content.decode())
    for _ in range(rng.choice((1, 1, 2))):
        tables = mutated_value(tables, rng)
    return toml(tables).encode() if isinstance(tables, dict) else b"x"


def toml(tables: dict[str, Any]) -> str:
    """Return the tables as TOML; what TOML does not have becomes something else."""
    return "".join(f"{_key(k)} = {_toml(v)}\n" for k, v in tables.items())


def _toml(value: Any) -> str:
    match value:
        case dict():
            inner = ", ".join(f"{_key(k)} = {_toml(v)}" for k, v in value.items())
            return f"{{ {inner} }}"
        case list():
            return f"[{', '.join(map(_toml, value))}]"
        case bool():
            return "true" if value else "false"
        case str():
            return _quoted(value)
        case None:
            return "1979-05-27"
        case _:
            return str(value)[:4000]


def _key(key: str) -> str:
    return _quoted(key)


def _quoted(text: str) -> str:
    return (
        '"'
        + "".join(c if c.isprintable() and c not in '"\\' else f"\\U{ord(c):08x}" for c in text)
        + '"'
    )


def selection_of(rng: random.Random) -> Selection:
    """Return overlays to apply, most of which there are not."""
    return Selection(
        workload=rng.choice((None, None, "large", "x")),
        options=rng.choice(({}, {}, {"transport": "queue"}, {"x": "y"})),
        variant=rng.choice((None, None, "careless", "forgetful", "not-idempotent", "x")),
    )


def read(folder: Path, rng: random.Random) -> None:
    """Read the folder as every command does."""
    try:
        declared(folder)
        load_system(folder, selection_of(rng))
    except ConfigError as error:
        check_words(error.message)


def check_words(message: str) -> None:
    assert "system.toml" in message
    assert len(message.splitlines()) <= 1
    assert len(message) < 1000, message


def ask(folder: Path, rng: random.Random) -> None:
    """Run a command on the folder."""
    selection = selection_of(rng)
    words = ["--variant", selection.variant] if selection.variant else []
    words += ["--workload", selection.workload] if selection.workload else []
    words += [word for name, value in selection.options.items() for word in (f"--{name}", value)]
    command = rng.choice(
        (
            ["show", str(folder)],
            ["show", str(folder), "--json"],
            ["run", str(folder), "--plan", "--runtime", "local"],
            ["run", str(folder), "--plan", "--runtime", "local", "--fault", "random"],
        )
    )
    answer([*command, *words])
