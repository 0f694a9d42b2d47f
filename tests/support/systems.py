"""Systems as values, for tests that need a topology but no file."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from dtx.config.model import (
    Client,
    Contract,
    Database,
    DatabaseKind,
    Link,
    Reference,
    Request,
    System,
    Template,
    Worker,
)

FIVE_LINKS = (
    "client->orders",
    "orders->orders-db",
    "orders->payments",
    "payments->payments-db",
    "orders->inventory",
    "inventory->inventory-db",
)
CRASH_POINTS: Mapping[str, Sequence[str]] = MappingProxyType(
    {
        "orders": ("after-debit-before-log", "before-answer"),
        "payments": ("before-commit", "before-answer"),
        "inventory": (),
    }
)


def order_system(
    *,
    links: Sequence[str] = FIVE_LINKS,
    coordinator: str | None = "orders",
    durable: Mapping[str, tuple[str, ...]] = MappingProxyType({}),
) -> System:
    """Return three workers with a database each."""
    workers = {name: _worker(name, coordinator, durable.get(name, ())) for name in CRASH_POINTS}
    databases = {f"{name}-db": _database(f"{name}-db") for name in CRASH_POINTS}
    return System(
        name="shop",
        folder=Path(),
        title="A shop",
        databases=databases,
        workers=workers,
        client=a_client(),
        contract=Contract(
            is_atomic=True,
            is_durable=True,
            is_exactly_once=True,
            is_compensating=True,
            converges_within_s=10,
            invariants=(),
        ),
        links=tuple(
            Link(source=s, destination=d) for s, _, d in (x.partition("->") for x in links)
        ),
        variants={},
        workload=None,
        workloads={},
        options={},
        tables={},
    )


def a_client() -> Client:
    """Return a client that posts nothing but the transaction's id."""
    return Client(
        request=Request(
            method="POST",
            url=Template(parts=(Reference(kind="workers", name="orders", field="url"), "/orders")),
            json={"tx": Template(parts=(Reference(kind="", name="", field="tx"),))},
        ),
        timeout_s=3.0,
        ok=(201,),
        fail=(409,),
        accepted=(202,),
        outcome=None,
        participants={},
        fields={},
    )


def _worker(name: str, coordinator: str | None, durable: tuple[str, ...]) -> Worker:
    return Worker(
        name=name,
        command=(),
        env={},
        role="coordinator" if name == coordinator else None,
        has_http=True,
        ready="/healthz",
        ready_within_s=10,
        crash_points=tuple(CRASH_POINTS[name]),
        durable=durable,
    )


def _database(name: str) -> Database:
    return Database(name=name, kind=DatabaseKind.POSTGRES, schema=None, observe={}, residue={})
