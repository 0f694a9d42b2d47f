"""Broken: nothing ends a wait for a lock, neither at the servers nor here.

Two transfers that wait for each other at two servers wait for ever, and everybody else who wants these accounts too.
"""

import os

from dtx.patterns.twophase import transfer
from dtx.patterns.twophase.mariadb import MariaDbResource
from dtx.patterns.twophase.postgres import PostgresResource
from dtx.patterns.twophase.transfers import serve_transfers

FOR_EVER_S = 3600


def main() -> None:
    """Run the worker."""
    serve_transfers(
        PostgresResource(
            transfer.BANK_A, os.environ["BANK_A_URL"], transfer.work_at_a, marker=transfer.MARKER,
            within_s=FOR_EVER_S, lock_within_s=FOR_EVER_S,
        ),
        MariaDbResource(
            transfer.BANK_B, os.environ["BANK_B_URL"], transfer.work_at_b, marker=transfer.MARKER,
            within_s=FOR_EVER_S, lock_within_s=FOR_EVER_S,
        ),
    )  # fmt: skip


if __name__ == "__main__":
    main()
