"""The harness's end of the reaper's pipe."""

import contextlib
import subprocess
import sys
from pathlib import Path

from dtx.core.errors import ProvisionError

_PROGRAM = Path(__file__).with_name("reaper.py")


class Reaper:
    """Starts the reaper process and tells it what to clean up should this process die."""

    def __init__(self) -> None:
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", str(_PROGRAM)],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
                text=True,
            )
        except OSError as error:
            raise ProvisionError(f"can't start the reaper: {error.strerror}") from error

    def cover_run(self, run_id: str) -> None:
        """Have every process and container that carries this run id removed."""
        self._tell(f"run {run_id}")

    def cover_folder(self, folder: Path) -> None:
        """Have this folder removed, and whoever works in it killed; tell before it is made."""
        self._tell(f"folder {folder}")

    def cover_docker(self, socket: str) -> None:
        """Have the run's containers and networks removed through the engine at this socket path."""
        self._tell(f"docker {socket}")

    def dismiss(self) -> None:
        """Say that all has been cleaned up; the reaper ends."""
        with contextlib.suppress(ProvisionError):
            self._tell("done")
        self._close()

    def sweep(self) -> None:
        """Let the reaper clean up now and wait until it has ended."""
        self._close()

    def _close(self) -> None:
        if self._process.stdin:
            with contextlib.suppress(OSError):
                self._process.stdin.close()
        self._process.wait(timeout=90)

    def _tell(self, line: str) -> None:
        if self._process.stdin is None:  # pragma: no cover
            raise RuntimeError("the reaper has no pipe")
        try:
            self._process.stdin.write(line + "\n")
            self._process.stdin.flush()
        except BrokenPipeError as error:
            raise ProvisionError(
                f"the reaper ended with status {self._process.poll()}: nobody would clean up if dtx were killed"
            ) from error
