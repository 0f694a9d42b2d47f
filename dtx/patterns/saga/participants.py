"""The participants as the coordinator sees them: which request does what, and whom it asks."""

from enum import StrEnum
from typing import Any, assert_never

from dtx.patterns.common.barrier import Answer
from dtx.patterns.common.remote import Remote
from dtx.patterns.saga.saga_log import Order


class Request(StrEnum):
    """What the coordinator can ask for."""

    DEBIT = "debit"
    REFUND = "refund"
    RESERVE = "reserve"
    RELEASE = "release"

    @property
    def participant(self) -> str:
        """Who is asked, for the story."""
        return "payments" if self in {Request.DEBIT, Request.REFUND} else "inventory"


class Participants:
    """Payments and inventory behind their addresses."""

    def __init__(self, remote: Remote, *, payments_url: str, inventory_url: str) -> None:
        self._remote = remote
        self._urls = {"payments": payments_url, "inventory": inventory_url}

    async def ask(self, request: Request, order: Order) -> Answer | None:
        """Ask once; None if the outcome is unknown."""
        url = f"{self._urls[request.participant]}/{request}"
        return await self._remote.ask(url, _body(request, order))


def _body(request: Request, order: Order) -> dict[str, Any]:
    match request:
        case Request.DEBIT:
            amount = order.price * order.quantity
            return {"tx": order.tx, "customer": order.customer, "amount": amount}
        case Request.RESERVE:
            return {"tx": order.tx, "sku": order.sku, "quantity": order.quantity}
        case Request.REFUND | Request.RELEASE:
            return {"tx": order.tx}
        case _:
            assert_never(request)
