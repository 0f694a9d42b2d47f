"""Which product stands behind a database of system.toml."""

from typing import assert_never

from dtx.config.model import DatabaseKind
from dtx.targets.database import DatabaseTarget
from dtx.targets.runtime import Runtime


def launch(kind: DatabaseKind, name: str, runtime: Runtime) -> DatabaseTarget:
    """Launch a server for database `name` and return its target, without waiting until it is ready.

    Raises:
        ProvisionError: binaries or image are absent, or it can't be started.
    """
    # A product's driver is imported with its first server: nobody pays for one that they don't use.
    match kind:
        case DatabaseKind.POSTGRES:
            from dtx.targets.postgres.target import PostgresTarget  # noqa: PLC0415

            return PostgresTarget(name, runtime.launch_postgres(name))
        case DatabaseKind.MARIADB:
            from dtx.targets.mariadb.target import MariaDbTarget  # noqa: PLC0415

            return MariaDbTarget(name, runtime.launch_mariadb(name))
        case _:
            assert_never(kind)
