"""The section [readers]: clients that read while others submit, so that what they see can be judged."""

from collections.abc import Iterator, Mapping, MutableSequence

from dtx.config.jmespath_text import parse_jmespath
from dtx.config.model import Database, Reader, ReaderQuestion
from dtx.config.place import shown
from dtx.config.references import Mention
from dtx.config.request import Sender, parse_request
from dtx.config.table import Table, Value
from dtx.core.observation import Shape

EVERY_S = 0.1
OFTENEST_S = 0.01
"""More often, what is not answered at once would keep the clients' thread busy with nothing but this."""
TIMEOUT_S = 3.0


def parse_readers(
    section: Table, databases: Mapping[str, Database], mentions: MutableSequence[Mention]
) -> Mapping[str, Reader]:
    """Read every reader; their URLs are added to `mentions`, to be checked once all nodes are known.

    Raises:
        ConfigError: a key is wrong.
    """
    return {name: _reader(name, value, databases, mentions) for name, value in section.named()}


def _reader(
    name: str,
    value: Value,
    databases: Mapping[str, Database],
    mentions: MutableSequence[Mention],
) -> Reader:
    sender = Sender(source=name, fields=(), mentions=mentions)
    with value.table() as table:
        every, timeout, total = table.get("every_s"), table.get("timeout_s"), table.get("sum")
        return Reader(
            name=name,
            every_s=_every_s(every) if every else EVERY_S,
            timeout_s=timeout.seconds() if timeout else TIMEOUT_S,
            questions=tuple(_questions(table.need("reads"), databases, sender)),
            total=total.whole() if total else None,
        )


def _every_s(value: Value) -> float:
    every_s = value.seconds()
    if every_s < OFTENEST_S:
        raise value.place.error(f"must be at least {OFTENEST_S} s, not {shown(value.raw)}")
    return every_s


def _questions(
    value: Value, databases: Mapping[str, Database], sender: Sender
) -> Iterator[ReaderQuestion]:
    asked: set[str] = set()
    for item in value.filled_array():
        question = _question(item, databases, sender)
        if question.participant in asked:
            raise item.place.at("participant").error(
                f"{shown(question.participant)} is asked twice in one read"
            )
        asked.add(question.participant)
        yield question


def _question(value: Value, databases: Mapping[str, Database], sender: Sender) -> ReaderQuestion:
    with value.table() as table:
        seen, pending = table.get("seen"), table.get("pending")
        return ReaderQuestion(
            participant=_participant(
                table.need("participant"), databases, is_joined=bool(seen or pending)
            ),
            request=parse_request(table.need("request"), sender, method="GET"),
            value=parse_jmespath(table.need("value"), example="sum(accounts[].balance)"),
            seen=parse_jmespath(seen, example="transactions[].tx") if seen else None,
            pending=parse_jmespath(pending, example="transactions[?!final].tx")
            if pending
            else None,
        )


def _participant(value: Value, databases: Mapping[str, Database], *, is_joined: bool) -> str:
    name = value.text()
    if name not in databases:
        raise value.place.no_such(f"there is no database {shown(name)}", name, databases)
    if is_joined and Shape.EFFECTS not in databases[name].observe:
        raise value.place.error(
            f"nothing says what became of transactions at {shown(name)}",
            hint=f"add [databases.{name}.observe] effects",
        )
    return name
