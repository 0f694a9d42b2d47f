"""What the tests of commands share."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from dtx.cli.main import execute
from dtx.core.exit_codes import ExitCode


@dataclass(frozen=True)
class Answer:
    """What a command left behind."""

    code: ExitCode
    out: str
    err: str


Dtx = Callable[..., Answer]


@pytest.fixture
def dtx(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Dtx:
    """Run a command line in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DTX_DEBUG", raising=False)

    def run(*words: str) -> Answer:
        code = execute(words)
        captured = capsys.readouterr()
        return Answer(code, captured.out, captured.err)

    return run
