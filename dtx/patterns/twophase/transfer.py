"""A transfer as a transaction over two banks, one in PostgreSQL and one in MariaDB: what is done in each.

Money leaves before it comes, so transfers in opposite directions lock a customer's accounts in opposite order. Two of
them may wait for each other, each at another server, and neither server sees a circle. A lock time-out
ends it. PostgreSQL's is the shorter one: were they the same, both would be given up in the same moment.
"""

import asyncio
import time

import msgspec

from dtx.patterns.common.database import Connection
from dtx.patterns.common.mariadb_sessions import MariaDbSession
from dtx.patterns.twophase.identity import is_transaction_name
from dtx.patterns.twophase.mariadb import MariaDbResource
from dtx.patterns.twophase.postgres import PostgresResource
from dtx.patterns.twophase.resource import RefusedError

BANK_A = "bank-a"
BANK_B = "bank-b"

LOCK_WITHIN_S = 0.4
"""At PostgreSQL. MariaDB counts in whole seconds."""

REVIEW_S = 0.03
"""A debit is reviewed before the credit follows, as banks do. So long the first lock is held alone; without it a quick
machine has done one transfer before the next one comes, and no two ever meet."""

MARKER = "bank_effects"


class Transfer(msgspec.Struct, frozen=True, kw_only=True):
    """What a client asks for: `amount` cents of a customer's, from the account at one bank to that at the other."""

    tx: str
    customer: str
    from_bank: str
    amount: int

    def __post_init__(self) -> None:
        if not is_transaction_name(self.tx):
            raise ValueError("tx must be 1 to 36 letters, digits, dots, dashes or underscores")
        if self.amount < 1:
            raise ValueError("amount must be at least 1")
        if self.from_bank not in (BANK_A, BANK_B):
            raise ValueError(f"from_bank must be {BANK_A} or {BANK_B}")

    def __str__(self) -> str:
        return f"transfer of {self.amount} by {self.customer}, from {self.from_bank}"

    def movement(self, bank: str) -> dict[str, str | int]:
        """Return what it does at a bank: the step, and the change, less than 0 where money leaves."""
        leaves = bank == self.from_bank
        return {
            "tx": self.tx,
            "customer": self.customer,
            "step": "withdraw" if leaves else "deposit",
            "change": -self.amount if leaves else self.amount,
        }


def bank_a(url: str) -> PostgresResource[Transfer]:
    """Return the bank in PostgreSQL."""
    return PostgresResource(BANK_A, url, work_at_a, marker=MARKER, lock_within_s=LOCK_WITHIN_S)


def bank_b(url: str) -> MariaDbResource[Transfer]:
    """Return the bank in MariaDB."""
    return MariaDbResource(BANK_B, url, work_at_b, marker=MARKER)


async def work_at_a(connection: Connection, transfer: Transfer) -> None:
    """Move the money of one side; a debit is reviewed.

    Raises:
        RefusedError: as `move_at_a`.
    """
    await move_at_a(connection, transfer)
    if transfer.from_bank == BANK_A:
        await asyncio.sleep(REVIEW_S)


def work_at_b(session: MariaDbSession, transfer: Transfer) -> None:
    """Do the same at the other bank.

    Raises:
        RefusedError: as `move_at_b`.
    """
    move_at_b(session, transfer)
    if transfer.from_bank == BANK_B:
        time.sleep(REVIEW_S)


async def move_at_a(connection: Connection, transfer: Transfer) -> None:
    """Move the money of one side, and write the marker.

    Raises:
        RefusedError: there is not enough, or the account is closed, or there is none.
    """
    movement = transfer.movement(BANK_A)
    cursor = await connection.execute(
        """
        with moved as (
            update accounts set balance = balance + %(change)s
            where customer = %(customer)s and balance + %(change)s >= 0 and not (is_closed and %(change)s > 0)
            returning customer
        ), noted as (
            insert into movements (tx, customer, change) select %(tx)s, customer, %(change)s from moved
        )
        insert into bank_effects (tx, step, effect, amount)
        select %(tx)s, %(step)s, 'applied', %(change)s from moved
        """,
        movement,
    )
    if cursor.rowcount != 1:
        raise _refused(BANK_A, movement)


def move_at_b(session: MariaDbSession, transfer: Transfer) -> None:
    """Do the same at the other bank.

    Raises:
        RefusedError: there is not enough, or the account is closed, or there is none.
    """
    movement = transfer.movement(BANK_B)
    moved = session.execute(
        "update accounts set balance = balance + %(change)s"
        " where customer = %(customer)s and balance + %(change)s >= 0 and not (is_closed and %(change)s > 0)",
        movement,
    )
    if moved != 1:
        raise _refused(BANK_B, movement)
    session.execute(
        "insert into movements (tx, customer, `change`) values (%(tx)s, %(customer)s, %(change)s)",
        movement,
    )
    session.execute(
        "insert into bank_effects (tx, step, effect, amount)"
        " values (%(tx)s, %(step)s, 'applied', %(change)s)",
        movement,
    )


def _refused(bank: str, movement: dict[str, str | int]) -> RefusedError:
    return RefusedError(f"{bank}: {movement['step']} refused for {movement['customer']}")
