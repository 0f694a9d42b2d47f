"""The transfers worker: moves money between accounts at different banks, by the saga of each transfer.

STARTED --withdraw--> WITHDRAWN --deposit--> DEPOSITED --complete--> COMPLETED
refused: -> REJECTED, or -> RETURNING -> REJECTED
unknown: a withdrawal is returned; a deposit is asked for until it is known
"""

import os

from dtx.patterns.common.asking import Asker
from dtx.patterns.common.participants import Participants
from dtx.patterns.common.recovery import Recovery
from dtx.patterns.common.remote import Remote
from dtx.patterns.common.service import serve
from dtx.patterns.saga.coordinator import Coordinator
from dtx.patterns.saga.definition import SagaData, SagaDefinition, Step
from dtx.patterns.saga.face import routes
from dtx.patterns.saga.orders import own_database
from dtx.patterns.saga.saga_log import SagaLog

BANKS = {"bank-a": "BANK_A_URL", "bank-b": "BANK_B_URL"}
"""Bank -> the variable that has its address."""


class Transfer(SagaData, frozen=True, kw_only=True):
    """What a client asks for: `amount` cents of `payer` at one bank for `payee` at another."""

    from_bank: str
    payer: str
    to_bank: str
    payee: str
    amount: int

    def __post_init__(self) -> None:
        if not self.tx or self.amount < 1:
            raise ValueError("tx must not be empty, amount must be at least 1")
        if {self.from_bank, self.to_bank} - BANKS.keys() or self.from_bank == self.to_bank:
            raise ValueError(f"from_bank and to_bank must be two of: {', '.join(BANKS)}")


WITHDRAW: Step[Transfer] = Step(
    action="withdraw",
    compensation="return",
    participant=lambda transfer: transfer.from_bank,
    body=lambda transfer: {"account": transfer.payer, "amount": transfer.amount},
    done="WITHDRAWN",
    undoing="RETURNING",
)

# Not taken back, since the payee may have spent it: asked for until it is answered.
DEPOSIT: Step[Transfer] = Step(
    action="deposit",
    participant=lambda transfer: transfer.to_bank,
    body=lambda transfer: {"account": transfer.payee, "amount": transfer.amount},
    done="DEPOSITED",
)

TRANSFER_SAGA = SagaDefinition(
    data=Transfer,
    steps=(WITHDRAW, DEPOSIT),
    confirmed="COMPLETED",
    rejected="REJECTED",
    table="transfers",
    effects="transfer_effects",
    confirmation="complete",
    describe=lambda t: (
        f"transfer of {t.amount} from {t.payer}@{t.from_bank} to {t.payee}@{t.to_bank}"
    ),
)


def main() -> None:
    """Run the worker."""
    database = own_database()
    remote = Remote()
    banks = {bank: os.environ[variable] for bank, variable in BANKS.items()}
    asker = Asker(Participants(remote, banks))
    coordinator = Coordinator(TRANSFER_SAGA, SagaLog(TRANSFER_SAGA, database), asker)
    face = routes(TRANSFER_SAGA, coordinator, database)
    serve(database, face, remote, coordinator, Recovery(coordinator))


if __name__ == "__main__":
    main()
