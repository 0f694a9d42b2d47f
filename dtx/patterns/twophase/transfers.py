"""The worker `tm` of the workload transfer: an application that takes transfers, with a transaction manager in it."""

import os
from collections.abc import Sequence

from dtx.patterns.twophase import transfer
from dtx.patterns.twophase.face import routes
from dtx.patterns.twophase.mariadb import MariaDbResource
from dtx.patterns.twophase.postgres import PostgresResource
from dtx.patterns.twophase.resource import ResourceManager
from dtx.patterns.twophase.transaction_manager import TransactionManager
from dtx.patterns.twophase.transfer import Transfer
from dtx.patterns.twophase.worker import serve_transactions


class TransferManager(TransactionManager[Transfer]):
    """Has the money leave before it comes, whichever way it goes."""

    def stages_of(self, work: Transfer) -> Sequence[Sequence[ResourceManager[Transfer]]]:
        """Return the payer's bank, then the payee's."""
        return sorted(self._stages, key=lambda stage: stage[0].name != work.from_bank)


def serve_transfers(
    bank_a: PostgresResource[Transfer] | None = None,
    bank_b: MariaDbResource[Transfer] | None = None,
) -> None:
    """Run the worker; the banks are those at the addresses that the environment names, unless a variant brings its own."""
    a = bank_a or transfer.bank_a(os.environ["BANK_A_URL"])
    b = bank_b or transfer.bank_b(os.environ["BANK_B_URL"])
    serve_transactions(
        ((a,), (b,)),
        lambda manager: routes(manager, "/transfers", Transfer, str),
        manager_type=TransferManager,
    )


def main() -> None:
    """Run the worker."""
    serve_transfers()


if __name__ == "__main__":
    main()
