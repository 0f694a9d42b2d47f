"""The real command in a process of its own, as a user or a pipeline starts it."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

DTX = (sys.executable, "-m", "dtx")
HEEDFUL_DTX = (
    sys.executable,
    "-c",
    (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler);"
        "signal.signal(signal.SIGTERM, signal.SIG_DFL); signal.signal(signal.SIGHUP, signal.SIG_DFL);"
        "from dtx.cli.main import main; main()"
    ),
)
"""dtx that heeds signals though whoever started the tests ignores them, as a shell does for what runs behind it."""


def dtx(
    *words: str | Path, cwd: Path, env: Mapping[str, str] | None = None, within_s: float = 180
) -> "subprocess.CompletedProcess[str]":
    """Run dtx to its end, with TMPDIR at `cwd`/tmp if that is there."""
    place = {"TMPDIR": str(cwd / "tmp")} if (cwd / "tmp").is_dir() else {}
    return subprocess.run(
        [*DTX, *map(str, words)], cwd=cwd, env=os.environ | place | dict(env or {}),
        capture_output=True, text=True, errors="replace", timeout=within_s, check=False,
    )  # fmt: skip


def begun(
    *words: str | Path,
    cwd: Path,
    env: Mapping[str, str] | None = None,
    command: Sequence[str] = HEEDFUL_DTX,
) -> "subprocess.Popen[str]":
    """Begin dtx, with TMPDIR at `cwd`/tmp; whoever calls ends it, also when a test fails."""
    return subprocess.Popen(
        [*command, *map(str, words)], cwd=cwd,
        env=os.environ | {"TMPDIR": str(cwd / "tmp")} | dict(env or {}),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace",
    )  # fmt: skip


def complaint(done: "subprocess.CompletedProcess[str]") -> str:
    """Return what an error says, which must be at most three lines behind the progress, and no traceback."""
    assert "Traceback" not in done.stdout + done.stderr, done.stderr
    lines = done.stderr.splitlines()
    begins = [i for i, line in enumerate(lines) if line.startswith("dtx: ")]
    assert begins, done.stderr
    said = lines[begins[0] :]
    assert len(said) <= 3, done.stderr
    assert all(line.isprintable() and len(line) <= 1010 for line in said), said
    return "\n".join(said)
