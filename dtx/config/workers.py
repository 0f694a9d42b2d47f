"""The section [workers]: the programs of the system, their environment and what they refer to."""

import re
from collections.abc import Iterator, Mapping, MutableSequence
from pathlib import PurePosixPath

from dtx.config.model import COORDINATOR, Template, Worker
from dtx.config.place import shown
from dtx.config.references import PORT, Mention
from dtx.config.table import Table, Value
from dtx.config.template import parse_template

READY = "/healthz"
READY_WITHIN_S = 20.0
GIVEN_BY_DTX = ("DTX_RUN", "DTX_NODE", "DTX_CRASH_FILE", "DTX_DATA_DIR", "DTX_SYNC_LOG")

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def parse_workers(section: Table, mentions: MutableSequence[Mention]) -> Mapping[str, Worker]:
    """Read every worker; its templates are added to `mentions`, to be checked once all nodes are known.

    Raises:
        ConfigError: a key is wrong.
    """
    return {name: _worker(name, value, mentions) for name, value in section.named()}


def _worker(name: str, value: Value, mentions: MutableSequence[Mention]) -> Worker:
    table = value.table()
    table.refuse("image", "this dtx runs workers as processes of the host only: give a command")
    with table:
        http, role, within = table.get("http"), table.get("role"), table.get("ready_within_s")
        has_http = http.flag() if http else False
        command = table.need("command")
        env = table.section("env")
        worker = Worker(
            name=name,
            command=tuple(template for _, template in _templates(command.filled_array())),
            env=dict(_environment(env)),
            role=_role(role) if role else None,
            has_http=has_http,
            ready=_ready(table, has_http=has_http),
            ready_within_s=within.seconds() if within else READY_WITHIN_S,
            crash_points=_different_names(table.get("crash_points")),
            durable=_durable(table.get("durable")),
            calls_seldom=_different_names(table.get("calls_seldom")),
        )
    own = ("python", "folder", "data")
    plain = (*own, PORT) if has_http else own
    for at, template in (*_templates(command.array()), *_templates(v for _, v in env.entries())):
        mentions.append(Mention(place=at.place, source=name, template=template, plain=plain))
    return worker


def _role(value: Value) -> str:
    if value.text() != COORDINATOR:
        raise value.place.no_such(
            f"there is no role {shown(value.raw)}", value.text(), (COORDINATOR,)
        )
    return COORDINATOR


def _templates(values: "Iterator[Value] | tuple[Value, ...]") -> Iterator[tuple[Value, Template]]:
    for value in values:
        yield value, parse_template(value.text(may_be_empty=True), value.place)


def _environment(table: Table) -> Iterator[tuple[str, Template]]:
    for key, value in table.entries():
        if not _VARIABLE.fullmatch(key):
            raise value.place.error(f"{shown(key)} can't be the name of a variable")
        if key in GIVEN_BY_DTX:
            raise value.place.error("this variable is given by dtx")
        yield key, parse_template(value.text(may_be_empty=True), value.place)


def _ready(table: Table, *, has_http: bool) -> str | None:
    value = table.get("ready")
    if value is None:
        return READY if has_http else None
    if not has_http:
        raise value.place.error("only a worker with http = true can be asked whether it is ready")
    path = value.text()
    if not path.startswith("/"):
        raise value.place.error(f"must be a path that begins with /, not {shown(path)}")
    return path


def _different_names(value: Value | None) -> tuple[str, ...]:
    names: dict[str, None] = {}
    for item in value.array() if value else ():
        name = item.name()
        if name in names:
            raise item.place.error(f"{shown(name)} stands here twice")
        names[name] = None
    return tuple(names)


def _durable(value: Value | None) -> tuple[str, ...]:
    paths: dict[str, None] = {}
    for item in value.filled_array() if value else ():
        path = item.text()
        parts = PurePosixPath(path).parts
        if path.startswith("/") or ".." in parts or not parts:
            raise item.place.error(
                f"{shown(path)} must lie in the worker's data folder",
                hint='write it relative to {data}: "journal.log", "wal/*.log"',
            )
        if path in paths:
            raise item.place.error(f"{shown(path)} stands here twice")
        paths[path] = None
    return tuple(paths)
