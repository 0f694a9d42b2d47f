"""Broken: the log is on storage that does not outlive the process, as in a container without a volume.

Each sync is done, and each start begins with an empty log: recovery aborts what is committed at some participants.
"""

from pathlib import Path
from typing import Self

from dtx.patterns.twophase.file_log import FileLog
from dtx.patterns.twophase.tm_file_log import serve_orders_by_file


class VolatileLog(FileLog):
    """Is gone with the process that wrote it."""

    @classmethod
    def open(cls, path: Path, group: str) -> Self:
        """Begin on a file system that is as new as the process."""
        path.unlink(missing_ok=True)
        return super().open(path, group)


def main() -> None:
    """Run the worker."""
    serve_orders_by_file(VolatileLog)


if __name__ == "__main__":
    main()
