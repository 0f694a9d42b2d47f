"""How a MariaDB server is initialised and started for dtx, on every runtime; initialised once, then copied.

Settings are those of a production server where they decide about durability (every commit and every XA PREPARE is
forced to the log), and small where they only cost memory or time.
"""

import hashlib

USER = "dtx"
PASSWORD = "dtx"
"""What the system's workers connect as: everything is theirs in the working database, nothing else."""

DATABASE = "app"

HARNESS = "dtx_harness"
"""What the harness connects as, so that its sessions are told from those of the system's workers."""

READER = "dtx_reader"
"""What the system's own queries run as. A read-only transaction would not do: it lets DDL through (10.11)."""

INSTALL_OPTIONS = (
    "--no-defaults",
    "--auth-root-authentication-method=normal",
    "--skip-test-db",
    "--innodb-log-file-size=8M",  # written in full: 90 MB less to copy for each server
    "--innodb-use-native-aio=0",
)

SERVER_OPTIONS = (
    "--no-defaults",
    "--innodb-log-file-size=8M",
    "--innodb-buffer-pool-size=32M",
    "--innodb-flush-log-at-trx-commit=1",
    # Kernels of containers and sandboxes may refuse io_uring and libaio; nothing here is bound by its disk.
    "--innodb-use-native-aio=0",
    "--skip-log-bin",
    "--skip-name-resolve",
    "--max-connections=250",
    "--character-set-server=utf8mb4",
    "--collation-server=utf8mb4_bin",
    "--default-time-zone=+00:00",
    "--userstat=ON",  # rows changed in each table: which one is the busiest
)

INIT_SQL = "\n".join(
    (
        "flush privileges;",  # a server in bootstrap knows no users before this
        f"create user '{HARNESS}'@'%';",
        f"grant all privileges on *.* to '{HARNESS}'@'%' with grant option;",
        f"create user '{READER}'@'%';",
        # Process: InnoDB's views of who waits for whom.
        f"grant select, show view, execute, process on *.* to '{READER}'@'%';",
        f"create user '{USER}'@'%' identified by '{PASSWORD}';",
        f"grant all privileges on {DATABASE}.* to '{USER}'@'%';",
        f"create database {DATABASE};",
    )
)
"""Run once on the fresh data by a server in bootstrap: one statement a line."""


def fingerprint() -> str:
    """Return a short digest of everything that an initialised server depends on, for cache keys."""
    text = "\n".join((*INSTALL_OPTIONS, INIT_SQL))
    return hashlib.sha256(text.encode()).hexdigest()[:12]
