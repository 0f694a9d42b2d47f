"""Broken: the log is on storage that does not outlive the process, as in a container without a volume.

Each sync is done, and each start begins with an empty log: recovery aborts what is committed at some participants.
"""

from pathlib import Path
from typing import Self

from dtx.patterns.common.crash_points import crash_point
from dtx.patterns.twophase.file_log import FileLog
from dtx.patterns.twophase.tm_file_log import serve_orders_by_file
from dtx.patterns.twophase.variants.one_by_one import OneByOneManager


class VolatileLog(FileLog):
    """Is gone with the process that wrote it."""

    @classmethod
    def open(cls, path: Path, group: str) -> Self:
        """Begin on a file system that is as new as the process."""
        path.unlink(missing_ok=True)
        return super().open(path, group)


class MortalManager(OneByOneManager):
    """Can be made to die between two commits."""

    def pass_between(self, tx: str) -> None:
        """Die here, if asked to."""
        crash_point("after-first-commit", tx)


def main() -> None:
    """Run the worker."""
    serve_orders_by_file(VolatileLog, MortalManager)


if __name__ == "__main__":
    main()
