"""The transfers worker: moves money between accounts at different banks, and coordinates the transaction of each."""

from dtx.patterns.tcc.checkout import serve_coordinator
from dtx.patterns.tcc.definition import About, Branch, TccDefinition

BANKS = {"bank-a": "BANK_A_URL", "bank-b": "BANK_B_URL"}
"""Bank -> the variable that has its address."""


class Transfer(About, frozen=True, kw_only=True):
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


TRANSFER_TCC = TccDefinition(
    data=Transfer,
    path="transfers",
    branches=lambda t: (
        Branch(participant=t.from_bank, body={"account": t.payer, "change": -t.amount}),
        Branch(participant=t.to_bank, body={"account": t.payee, "change": t.amount}),
    ),
    describe=lambda t: (
        f"transfer of {t.amount} from {t.payer}@{t.from_bank} to {t.payee}@{t.to_bank}"
    ),
)


def main() -> None:
    """Run the worker."""
    serve_coordinator(TRANSFER_TCC, BANKS)


if __name__ == "__main__":
    main()
