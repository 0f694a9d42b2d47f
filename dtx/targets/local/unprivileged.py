"""Programs that refuse to run as root, run as nobody when dtx is root."""

import os
import subprocess
from pathlib import Path

from dtx.core.errors import ProvisionError
from dtx.targets.cache import UNPRIVILEGED_ID

DONE_WITHIN_S = 120


def as_unprivileged() -> dict[str, object]:
    """Return the arguments of `subprocess` that drop root; empty for any other user."""
    if os.geteuid() != 0:
        return {}
    return {"user": UNPRIVILEGED_ID, "group": UNPRIVILEGED_ID, "extra_groups": []}


def run_unprivileged(command: list[str], *, cwd: Path, given: str = "") -> str:
    """Run a program to its end, with `given` on its standard input; return what it wrote to stdout.

    Raises:
        ProvisionError: it can't be run, or failed; with its last lines.
    """
    try:
        done = subprocess.run(
            command, cwd=cwd, input=given, capture_output=True, text=True, timeout=DONE_WITHIN_S,
            check=False, env={"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}, **as_unprivileged(),
        )  # type: ignore[call-overload]  # fmt: skip
    except OSError as error:
        raise ProvisionError(f"{command[0]}: {error.strerror}") from error
    except subprocess.TimeoutExpired as error:
        raise ProvisionError(f"{command[0]} did not end within {error.timeout:.0f} s") from error
    if done.returncode != 0:
        last = "\n".join((done.stderr or done.stdout).strip().splitlines()[-3:])
        raise ProvisionError(f"{command[0]} failed with status {done.returncode}: {last}")
    return str(done.stdout)
