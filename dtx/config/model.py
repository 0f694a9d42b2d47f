"""A system under test as values: what system.toml says once overlays are applied and references are checked."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from dtx.core.history import FieldValue
from dtx.core.observation import Shape

CLIENT = "client"
"""The source of links that begin at the submitting client."""
COORDINATOR = "coordinator"
"""The role of the workers that are a target of their own for faults."""


class DatabaseKind(StrEnum):
    """The database products that dtx can bring up."""

    POSTGRES = "postgres"
    MARIADB = "mariadb"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """`{kind.name.field}` in a template; kind and name are empty for a plain `{field}`."""

    kind: str
    name: str
    field: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """Text with references, cut into literal strings and references in order."""

    parts: tuple[str | Reference, ...]

    @property
    def references(self) -> tuple[Reference, ...]:
        """The references in it, in order."""
        return tuple(p for p in self.parts if isinstance(p, Reference))

    def render(self, resolve: Callable[[Reference], str]) -> str:
        """Return the text with every reference replaced."""
        return "".join(p if isinstance(p, str) else resolve(p) for p in self.parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """A database server of its own. `observe` maps shapes to SQL, `residue` names to SQL with one number."""

    name: str
    kind: DatabaseKind
    schema: Path | None
    observe: Mapping[Shape, str]
    residue: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """A program of the system. `has_http` workers get a port; `ready` is the path that answers 200 when ready.

    `durable` are files in its data folder, as glob patterns, of which a loss of power takes what was not synced.
    `calls_seldom` are nodes that it talks to only after a failure.
    """

    name: str
    command: tuple[Template, ...]
    env: Mapping[str, Template]
    role: str | None
    has_http: bool
    ready: str | None
    ready_within_s: float
    crash_points: tuple[str, ...]
    durable: tuple[str, ...] = ()
    calls_seldom: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One direction of talk, `source->destination`, through proxies of its own."""

    source: str
    destination: str

    @property
    def name(self) -> str:
        """The link as users write it."""
        return f"{self.source}->{self.destination}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChoiceField:
    """One of `values`, by `weights` if there are any."""

    values: tuple[FieldValue, ...]
    weights: tuple[float, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class IntField:
    """A whole number from `low` to `high`, both included."""

    low: int
    high: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchField:
    """What `values` has for the value of another field, `of`, which is a choice of strings."""

    of: str
    values: Mapping[str, FieldValue]


FieldGenerator = ChoiceField | IntField | MatchField


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """An HTTP request with fields in it.

    `json` is a template of the body: nested values whose strings are templates. A string that is nothing but one
    field keeps the field's type. `others` are further URLs, for when the one before does not serve.
    """

    method: str
    url: Template
    json: Any
    others: tuple[Template, ...] = ()

    @property
    def urls(self) -> tuple[Template, ...]:
        """All URLs, in the order of the file."""
        return (self.url, *self.others)


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeQuery:
    """How to ask what became of a transaction; `ok` and `fail` are JMESPath expressions on the JSON answer.

    `others` are as in a request.
    """

    url: Template
    ok: str
    fail: str
    others: tuple[Template, ...] = ()

    @property
    def urls(self) -> tuple[Template, ...]:
        """All URLs, in the order of the file."""
        return (self.url, *self.others)


class Expression:
    """A whole-number expression over fields: `{price} * {quantity}`; see dtx.config.expression."""

    __slots__ = ("_evaluate", "text")

    def __init__(self, text: str, evaluate: Callable[[Mapping[str, FieldValue]], int]) -> None:
        self.text = text
        self._evaluate = evaluate

    def value(self, fields: Mapping[str, FieldValue]) -> int:
        """Return the value for one transaction's fields."""
        return self._evaluate(fields)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Expression) and other.text == self.text

    def __hash__(self) -> int:
        return hash(self.text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """What is submitted, and what an answer means.

    Statuses in none of `ok`, `fail` and `accepted` are `info`. `participants` maps a database to the net amount
    that a committed transaction leaves there. `keys` maps a database to the fields whose values say which rows
    a transaction touches there.
    """

    request: Request
    timeout_s: float
    ok: tuple[int, ...]
    fail: tuple[int, ...]
    accepted: tuple[int, ...]
    outcome: OutcomeQuery | None
    participants: Mapping[str, Expression]
    fields: Mapping[str, FieldGenerator]
    keys: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReaderQuestion:
    """One part of a read: what a participant is asked, and what its answer means; all three are JMESPath.

    Attributes:
        participant: the database whose state the answer tells.
        request: has no fields of a transaction.
        value: a whole number, or an object of whole numbers, which counts as their sum.
        seen: the transactions whose effects are in the value; None if the answer does not say.
        pending: the transactions that the answer itself marks as not final (a semantic lock).
    """

    participant: str
    request: Request
    value: str
    seen: str | None
    pending: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """A reading client: every `every_s` it asks its questions in turn, all of them together are one read.

    `total` is what all values of one read add up to if no transaction is half done; None if nothing is said.
    """

    name: str
    every_s: float
    timeout_s: float
    questions: tuple[ReaderQuestion, ...]
    total: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """SQL for one database."""

    database: str
    sql: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Invariant:
    """`left compare right` for a scalar, or key by key for rows (key, value).

    Each side adds up what its queries return, key by key; `right` may be a number.
    """

    name: str
    left: tuple[Query, ...]
    right: tuple[Query, ...] | int
    compare: str


class Isolation(StrEnum):
    """What a system claims of what readers see while transactions are under way; each claims more than the last."""

    NONE = "none"
    """Nothing: it is measured only."""
    SEMANTIC_LOCK = "semantic-lock"
    """What may yet be undone is marked as not final."""
    READ_COMMITTED = "read-committed"
    """Nobody sees what is undone later."""
    SERIALIZABLE = "serializable"
    """Every read sees all transactions wholly or not at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """What the system claims; only claims are judged, all is measured.

    Attributes:
        is_atomic: all participants or none (checker atomicity).
        is_durable: acknowledged stays, refused leaves nothing (durability, no-phantom).
        is_exactly_once: no step takes effect twice, amounts are the expected ones (exactly-once).
        is_compensating: undone in reverse order of applied, never without it (compensation).
        converges_within_s: quiet so long after healing (convergence, residue); None: not claimed.
        isolation: what readers never see (isolation).
    """

    is_atomic: bool
    is_durable: bool
    is_exactly_once: bool
    is_compensating: bool
    converges_within_s: float | None
    invariants: tuple[Invariant, ...]
    isolation: Isolation = Isolation.NONE


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """An overlay that is broken on purpose.

    `breaks` names exactly the checkers that convict it, `exposed_by` the faults that do; `bug` is its
    number in docs/bugs.md. It holds under `none` unless `exposed_by` has `none`. `workload` is the one that it is
    tried with, None for the base; if it `is_bound`, it fits no other.
    """

    name: str
    title: str
    bug: str
    workload: str | None
    is_bound: bool
    breaks: tuple[str, ...]
    exposed_by: tuple[str, ...]

    def fits(self, workload: str | None) -> bool:
        """Return whether it can be chosen with the workload, None for the base."""
        return not self.is_bound or self.workload == workload


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """Another thing to submit to the system, as an overlay; one without is the base under its name."""

    name: str
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """A choice that the system's file offers on the command line: `--transport kafka`."""

    name: str
    default: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which overlays to apply: workload (None is the base), options, variant, in this order over the base."""

    workload: str | None = None
    options: Mapping[str, str] = field(default_factory=dict)
    variant: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """A resolved system.

    Attributes:
        name: the folder's name.
        folder: where its file stands; programs run there.
        setup: a command to be done there once, which dtx names and never runs; empty if there is none.
        tables: the resolved tables, for plan.json.
        links: every reference from a worker, the client or a reader to another node, in order of the file.
        workload: the workload that it is resolved for, None for the base.
        variants, workloads, options: what the file offers, not what was chosen.
    """

    name: str
    folder: Path
    title: str
    databases: Mapping[str, Database]
    workers: Mapping[str, Worker]
    client: Client
    contract: Contract
    links: tuple[Link, ...]
    workload: str | None
    variants: Mapping[str, Variant]
    workloads: Mapping[str, Workload]
    options: Mapping[str, Option]
    tables: Mapping[str, Any]
    readers: Mapping[str, Reader] = field(default_factory=dict)
    setup: str = ""

    @property
    def inner_links(self) -> tuple[Link, ...]:
        """The links between nodes: neither those of the submitting client nor those of readers."""
        return tuple(link for link in self.links if link.source in self.workers)

    def is_seldom_used(self, link: Link) -> bool:
        """Whether a link between nodes carries traffic only after a failure."""
        worker = self.workers.get(link.source)
        return worker is not None and link.destination in worker.calls_seldom

    @property
    def database_kinds(self) -> frozenset[DatabaseKind]:
        """The products that its databases are of."""
        return frozenset(database.kind for database in self.databases.values())

    @property
    def nodes(self) -> tuple[str, ...]:
        """Databases, then workers, in order of the file."""
        return (*self.databases, *self.workers)
