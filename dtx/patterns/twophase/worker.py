"""The worker around a transaction manager: its decision log, its lease and its recovery, and what clients see of it."""

import os
from collections.abc import Callable, Sequence
from typing import TypeVar

from starlette.routing import Route

from dtx.patterns.common.database import Database
from dtx.patterns.common.service import serve
from dtx.patterns.twophase.decision_log import DecisionLog
from dtx.patterns.twophase.lease import LEASE_S, STANDBY_WAITS_S, Lease
from dtx.patterns.twophase.mariadb import MariaDbResource
from dtx.patterns.twophase.postgres import PostgresResource
from dtx.patterns.twophase.recovery import Recovery
from dtx.patterns.twophase.transaction_manager import TransactionManager

W = TypeVar("W")


def serve_transactions(
    stages: Sequence[Sequence[PostgresResource[W] | MariaDbResource[W]]],
    face: Callable[[TransactionManager[W]], list[Route]],
    *,
    manager_type: type[TransactionManager[W]],
    recovery_type: type[Recovery[W]] = Recovery,
    log_type: type[DecisionLog] = DecisionLog,
    alone: Sequence[PostgresResource[W] | MariaDbResource[W]] = (),
) -> None:
    """Run the worker: $TM_NAME, one of the group $TM_GROUP that shares the log at $LOG_URL.

    It is a standby if $TM_STANDBY is "yes"; its lease is of $TM_LEASE_S seconds, if that is set.

    Args:
        stages: the databases that take part, in the order of work.
        face: makes the routes of a manager.
        manager_type: runs them.
        recovery_type: another one in variants.
        log_type: another one in variants.
        alone: the databases that decide about a transaction by themselves if they are the only one.
    """
    group, name = os.environ["TM_GROUP"], os.environ["TM_NAME"]
    database = Database(os.environ["LOG_URL"], waiting=400)
    log = log_type(group, database)
    # Apart, so that a renewal never waits behind decisions.
    renewing = Database(os.environ["LOG_URL"], connections=2, ready=1)
    lease = Lease(
        group, name, renewing,
        waits_first_s=STANDBY_WAITS_S if os.environ.get("TM_STANDBY") == "yes" else 0.0,
        lease_s=float(os.environ.get("TM_LEASE_S", LEASE_S)),
    )  # fmt: skip
    manager = manager_type(group, stages, log, lease, alone=alone)
    recovery = recovery_type(manager, log)
    resources = [resource for stage in stages for resource in stage]
    serve(
        database, face(manager), *resources, log, manager, renewing, lease, recovery,
        is_ready=lambda: lease.is_known,
    )  # fmt: skip
