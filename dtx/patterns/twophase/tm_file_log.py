"""The worker `tm` of the workload order-file-log: takes orders, and keeps its decisions in a file of its own."""

import os
import sys
from pathlib import Path

from dtx.patterns.common.narration import start_narration
from dtx.patterns.common.service import serve
from dtx.patterns.twophase.file_log import FileLog, LogFileError
from dtx.patterns.twophase.order import Order
from dtx.patterns.twophase.recovery import Recovery
from dtx.patterns.twophase.tm import Resources, order_routes
from dtx.patterns.twophase.transaction_manager import TransactionManager


def serve_orders_by_file(
    log_type: type[FileLog] = FileLog,
    manager_type: type[TransactionManager[Order]] = TransactionManager,
) -> None:
    """Run the worker: the manager of group $TM_GROUP, which has no other one, with its log at $LOG_FILE."""
    start_narration()
    group = os.environ["TM_GROUP"]
    try:
        log = log_type.open(Path(os.environ["LOG_FILE"]), group)
    except LogFileError as error:
        sys.exit(f"tm does not start: {error}")
    stages = Resources.from_environment().stages
    manager = manager_type(group, stages, log, log)
    resources = [resource for stage in stages for resource in stage]
    serve(None, order_routes(manager), *resources, log, manager, Recovery(manager, log))


def main() -> None:
    """Run the worker."""
    serve_orders_by_file()


if __name__ == "__main__":
    main()
