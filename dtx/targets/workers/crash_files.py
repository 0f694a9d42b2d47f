"""Crash points of workers: a small file that the worker looks at when it passes one.

The worker's side, for any language, is described in docs/how-to/crash-points.md.
"""

import json
from collections.abc import Mapping
from pathlib import Path

from dtx.core.ports import CrashReached


class CrashFiles:
    """Implements `core.ports.CrashPoints`; `files` maps a worker to its file."""

    def __init__(self, files: Mapping[str, Path]) -> None:
        self._files = dict(files)

    def arm(self, worker: str, point: str, nth: int) -> None:
        """Write the file in one step, so that a worker never reads half of it."""
        path = self._files[worker]
        partial = path.with_suffix(".part")
        partial.write_text(json.dumps({"point": point, "n": nth, "tx": None}) + "\n")
        partial.replace(path)

    def reached(self, worker: str) -> CrashReached | None:
        """Return what the worker appended when it got there."""
        try:
            lines = self._files[worker].read_text().splitlines()
        except FileNotFoundError:
            return None
        for line in lines[1:]:
            word, _, tx = line.partition(" ")
            if word == "reached":
                return CrashReached(tx=tx.strip() or None)
        return None

    def disarm(self, worker: str) -> None:
        """Remove the file."""
        self._files[worker].unlink(missing_ok=True)
