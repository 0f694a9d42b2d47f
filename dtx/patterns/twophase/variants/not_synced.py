"""Broken: decisions are written to the log and not synced, as with a log that is "fast enough for everybody".

A kill takes nothing: the kernel has what was written. A loss of power between the commits takes the decision, and
recovery aborts what is committed at some participants already.
"""

from dtx.patterns.twophase.file_log import FileLog
from dtx.patterns.twophase.tm_file_log import serve_orders_by_file
from dtx.patterns.twophase.variants.one_by_one import OneByOneManager


class NotSyncedLog(FileLog):
    """Trusts the kernel."""

    def sync(self, file: int) -> None:
        """Leave it to the kernel."""
        del file


def main() -> None:
    """Run the worker."""
    serve_orders_by_file(NotSyncedLog, OneByOneManager)


if __name__ == "__main__":
    main()
