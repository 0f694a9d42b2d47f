"""A worker of no pattern: prepares two branches of its own, in PostgreSQL and in MariaDB, and never ends them."""

import os
import signal
from urllib.parse import urlsplit

import psycopg
import pymysql

POSTGRES_GID = "report_x"
MARIADB_GID = "X'ff00fe',X'80',7"


def main() -> None:
    """Prepare, then stay until it is asked to go."""
    with psycopg.connect(os.environ["ORDERS_URL"], autocommit=True) as postgres:
        postgres.execute("begin")
        postgres.execute("insert into address_changes values ('report', 'ann', 'here')")
        postgres.execute(f"prepare transaction '{POSTGRES_GID}'".encode())
    url = urlsplit(os.environ["PAYMENTS_URL"])
    mariadb = pymysql.connect(
        host=url.hostname, port=url.port or 0, user=url.username, password=url.password or "",
        database=url.path[1:],
    )  # fmt: skip
    with mariadb.cursor() as cursor:
        cursor.execute(f"xa start {MARIADB_GID}")
        cursor.execute("insert into payments (tx, customer, amount) values ('report', 'ann', 1)")
        cursor.execute(f"xa end {MARIADB_GID}")
        cursor.execute(f"xa prepare {MARIADB_GID}")
    mariadb.close()
    signal.pause()


if __name__ == "__main__":
    main()
