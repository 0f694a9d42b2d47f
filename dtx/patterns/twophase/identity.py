"""Names of transactions and their branches: what recovery knows of a prepared branch is in its name alone.

As in X/Open XA a global id has a part for the transaction and a part for the branch. Ours say which group of
transaction managers it belongs to, which transaction it is, and which attempt at it: a transaction that a client
asks for twice has two attempts, of which the decision log lets one commit. An attempt says in which epoch its manager
led (lease.py), which is whose it is; the rest of it is random, never a counter, so that no restart uses an id again.
"""

import re
import uuid
from dataclasses import dataclass
from typing import Self

_XID = re.compile(
    r"(?P<group>[\w-]{1,10}):(?P<tx>[\w.-]{1,36}):(?P<attempt>[0-9a-f]{1,6}\.[0-9a-f]{8})", re.ASCII
)
"""63 characters at most: MariaDB takes 64 for a transaction and 64 for a branch, PostgreSQL 200 for both."""

_TX = re.compile(r"[\w.-]{1,36}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Xid:
    """One attempt at transaction `tx` by a transaction manager of `group`; `attempt` is `EPOCH.RANDOM`, in hex."""

    group: str
    tx: str
    attempt: str

    @property
    def epoch(self) -> int:
        """The epoch in which the manager that made this attempt led."""
        return int(self.attempt.partition(".")[0], 16)

    def __str__(self) -> str:
        return f"{self.group}:{self.tx}:{self.attempt}"

    @classmethod
    def new(cls, group: str, tx: str, *, epoch: int) -> Self:
        """Return an id that was never used, for who leads in `epoch`."""
        return cls(group=group, tx=tx, attempt=f"{epoch:x}.{uuid.uuid4().hex[:8]}")

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Read what `str` wrote; None for a stranger's."""
        found = _XID.fullmatch(text)
        return cls(**found.groupdict()) if found else None


@dataclass(frozen=True, slots=True, kw_only=True)
class BranchId:
    """A branch of `xid` at one resource manager; `gid` is its name in that server's own terms."""

    xid: Xid
    gid: str


def is_transaction_name(tx: str) -> bool:
    """Whether a client may call a transaction so."""
    return _TX.fullmatch(tx) is not None
