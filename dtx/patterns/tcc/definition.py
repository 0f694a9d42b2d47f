"""What a transaction is, as data, and what coordinator and participants say to each other about it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Generic, TypeVar

import msgspec


class Branch(msgspec.Struct, frozen=True, kw_only=True):
    """What one participant is asked to reserve; `body` is what it is told besides `tx`."""

    participant: str
    body: Mapping[str, Any]


class About(msgspec.Struct, frozen=True, kw_only=True):
    """A message about transaction `tx`; what a client places and what is to be reserved have more fields."""

    tx: str


class Outcome(StrEnum):
    """What a participant is told that asks what became of a transaction."""

    CONFIRM = "confirm"
    CANCEL = "cancel"
    UNDECIDED = "undecided"


D = TypeVar("D", bound=About)


@dataclass(frozen=True, slots=True, kw_only=True)
class TccDefinition(Generic[D]):
    """One kind of transaction.

    Attributes:
        data: what a client asks for.
        path: where clients place it: `POST /PATH`.
        branches: what is reserved for it, each branch at another participant.
        describe: says in words what is asked for.
    """

    data: type[D]
    path: str
    branches: Callable[[D], tuple[Branch, ...]]
    describe: Callable[[D], str]
