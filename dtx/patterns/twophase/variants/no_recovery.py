"""Broken: nobody looks for what an earlier life of this transaction manager left prepared."""

from dtx.patterns.common.service import serve
from dtx.patterns.twophase.decision_log import DecisionLog
from dtx.patterns.twophase.face import routes
from dtx.patterns.twophase.tm import Resources, group, log_database
from dtx.patterns.twophase.transaction_manager import TransactionManager


def main() -> None:
    """Run the worker."""
    database = log_database()
    resources = Resources.from_environment()
    log = DecisionLog(group(), database)
    manager = TransactionManager(group(), resources.stages, log)
    serve(database, routes(manager), *resources.all, log, manager)


if __name__ == "__main__":
    main()
