"""How a PostgreSQL cluster is initialised for dtx, on every runtime; initialised once, then copied.

Settings are the defaults of a production server where they decide about durability (fsync, synchronous_commit
stay on), and small where they only cost memory. `track_commit_timestamp` gives observations their commit time
for nothing; `max_prepared_transactions` is 0 by default, which would forbid two-phase commit.

The system's own database is made here too, so that no server of a run has to: CREATE DATABASE writes three hundred
files, first to the log and then again. `template0`, which as many files make and nobody uses, goes.
"""

import hashlib

USER = "dtx"
PASSWORD = "dtx"
DATABASE = "app"

INITDB_OPTIONS = (
    "--username=dtx",
    "--auth=trust",
    "--encoding=UTF8",
    "--locale=C",
    "--no-sync",
    "--wal-segsize=4",  # the first segment is written in full: 12 MB less to copy for each server
)

SETTINGS = {
    "unix_socket_directories": "''",
    "max_connections": "200",
    "max_prepared_transactions": "100",
    "shared_buffers": "'32MB'",
    "wal_level": "logical",
    "track_commit_timestamp": "on",
    "log_line_prefix": "'%m [%p] '",
    "autovacuum_naptime": "'10min'",
    "max_wal_size": "'256MB'",
}

INITIALISE = f"""
set -e
"$1/initdb" {" ".join(INITDB_OPTIONS)} -D "$2"
"$1/postgres" --single -D "$2" -F -c exit_on_error=on template1 >/dev/null <<'END'
create database {DATABASE}
update pg_database set datistemplate = false where datname = 'template0'
drop database template0
END
"""
"""For sh: folder of the binaries, folder of the data. Single-user mode takes a statement on each line."""

HBA = "host all all all trust\nhost replication all all trust\n"


def settings_text() -> str:
    """Return the lines that are appended to postgresql.conf."""
    return "".join(f"{name} = {value}\n" for name, value in SETTINGS.items())


def fingerprint() -> str:
    """Return a short digest of everything that an initialised cluster depends on, for cache keys."""
    text = "\n".join((INITIALISE, settings_text(), HBA))
    return hashlib.sha256(text.encode()).hexdigest()[:12]
