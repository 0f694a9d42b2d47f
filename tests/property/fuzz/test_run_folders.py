"""Whatever became of a run folder, `dtx check`, `show` and `list runs` answer with a verdict or a clear error."""

import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.property.fuzz.answers import answer, inputs
from tests.property.fuzz.mutations import mutated_bytes, mutated_text, mutated_value
from tests.property.fuzz.recorded import record

INPUTS = 2200


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return record(tmp_path_factory.mktemp("recorded") / "run").path


def test_damaged_run_folder_is_judged_or_refused_with_a_clear_error(
    recorded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = shutil.copytree(recorded, tmp_path / ".dtx" / "runs" / "a")
    kept = {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
    for number in inputs(INPUTS):
        rng = random.Random(f"run {number}")
        file = rng.choice(tuple(kept))
        try:
            damage(file, rng)
            ask(folder, rng)
        except Exception as error:
            error.add_note(f"input {number}: {file.relative_to(folder)}")
            raise
        finally:
            for path in (file, folder / "verdict.json"):
                restore(path, kept[path])


def restore(file: Path, content: bytes) -> None:
    """Make the file what it was, whatever stands there."""
    if file.is_dir():
        file.rmdir()
    elif file.is_symlink():
        file.unlink()
    file.write_bytes(content)


def damage(file: Path, rng: random.Random) -> None:
    """Do to the file what happens to files."""
    content = file.read_bytes()
    kind = rng.random()
    if kind < 0.06:
        _OF_FILES[rng.randrange(len(_OF_FILES))](file)
    elif kind < 0.25:
        file.write_bytes(mutated_bytes(content, rng))
    elif kind < 0.45 or file.suffix == ".log":
        text = mutated_text(content.decode(errors="replace"), rng)
        file.write_bytes(text.encode(errors="replace"))
    else:
        file.write_bytes(changed_values(content, rng))


def changed_values(content: bytes, rng: random.Random) -> bytes:
    """Return the document, or the lines of documents, with one to three values changed."""
    is_lines = content.count(b"\n{") > 0
    parts = content.splitlines() if is_lines else [content]
    documents: list[Any] = [msgspec.json.decode(part) for part in parts if part.strip()]
    for _ in range(rng.choice((1, 1, 2, 3)) if documents else 0):
        at = rng.randrange(len(documents))
        documents[at] = mutated_value(documents[at], rng)
    return b"\n".join(encoded(document) for document in documents) + b"\n"


def encoded(document: Any) -> bytes:
    try:
        return msgspec.json.encode(document)
    except (OverflowError, UnicodeEncodeError, TypeError):
        return b'{"schema": ' + b"9" * 40 + b"}"


def _removed(file: Path) -> None:
    file.unlink()


def _folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


def _loop(file: Path) -> None:
    file.unlink()
    file.symlink_to(file.name)


def _huge_line(file: Path) -> None:
    with file.open("ab") as lines:
        lines.write(b'{"x":"' + b"y" * 2_000_000 + b'"}\n')


def _newer(file: Path) -> None:
    file.write_bytes(b'{"schema": 99, "x": 1}\n')


def _link_to_nowhere(file: Path) -> None:
    file.unlink()
    file.symlink_to("/nonexistent")


def _device(file: Path) -> None:
    file.unlink()
    file.symlink_to(os.devnull)


_OF_FILES: tuple[Callable[[Path], None], ...] = (
    _removed,
    _folder,
    _loop,
    _huge_line,
    _newer,
    _link_to_nowhere,
    _device,
)


def ask(folder: Path, rng: random.Random) -> None:
    """Run a command on the folder."""
    tx = f"t{rng.randrange(13):06d}"
    answer(
        rng.choice(
            (
                ["check", "a"],
                ["check", str(folder)],
                ["check", "a", "--json"],
                ["show", "a"],
                ["show", "a", "--json"],
                ["show", "a", "--tx", tx],
                ["show", "a", "--tx", tx, "--json"],
                ["list", "runs"],
                ["list", "runs", "--json"],
            )
        )
    )
