"""Whatever a file says, only ConfigError comes out; what loads survives the way through plan.json."""

import json
import tempfile
from collections.abc import Callable
from pathlib import Path

from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from dtx.config.loader import declared, load_system
from dtx.config.model import Selection
from dtx.config.system import parse_system
from dtx.core.errors import ConfigError
from tests.unit.config.sample import TEXT, write

Mutation = Callable[[str], str]

# fmt: off
VALUES = st.sampled_from([
    "1", "-1", "0", "1.5", "nan", "true", '""', '"x"', '" "', "[]", "[1]", '["a"]', "{}", "{ remove = true }",
    '"{tx}"', '"{"', '"}}{"', '"{workers.orders.url}"', '"{databases.orders-db.port}"', '"{a.b}"',
    "1979-05-27", "07:32:00", "9223372036854775808", "1e999", '"\\u0000"', '"\\n"', "[[[]]]", "{ a.b.c = 1 }",
    "'{price} // {quantity}'", "'{price} // 0'", "'('", "'-'", "'`{`'", "'[?a'", "'postgres'", "'.'", "'/'",
])
# fmt: on
KEYS = st.sampled_from(
    [
        "remove",
        "ok",
        "url",
        "command",
        "observe",
        "a.b",
        '""',
        '"a b"',
        "databases",
        "variants",
        "tx",
        "http",
        "int",
    ]
)
PIECES = st.text(alphabet="[]{}=.,\"'#\n\\ \0\u00e9ab01-_", min_size=1, max_size=4)


def replaced_value(line: int, value: str) -> Mutation:
    def mutate(text: str) -> str:
        lines = text.split("\n")
        chosen = [i for i, one in enumerate(lines) if " = " in one]
        if not chosen:
            return text
        at = chosen[line % len(chosen)]
        lines[at] = f"{lines[at].split(' = ')[0]} = {value}"
        return "\n".join(lines)

    return mutate


def replaced_key(line: int, key: str) -> Mutation:
    def mutate(text: str) -> str:
        lines = text.split("\n")
        chosen = [i for i, one in enumerate(lines) if " = " in one]
        if not chosen:
            return text
        at = chosen[line % len(chosen)]
        lines[at] = f"{key} = {lines[at].split(' = ', 1)[1]}"
        return "\n".join(lines)

    return mutate


def moved_line(source: int, destination: int, keep: bool) -> Mutation:
    def mutate(text: str) -> str:
        lines = text.split("\n")
        at = source % len(lines)
        line = lines[at] if keep else lines.pop(at)
        lines.insert(destination % (len(lines) + 1), line)
        return "\n".join(lines)

    return mutate


def dropped_lines(first: int, count: int) -> Mutation:
    def mutate(text: str) -> str:
        lines = text.split("\n")
        at = first % len(lines)
        return "\n".join(lines[:at] + lines[at + count :])

    return mutate


def overwritten(at: int, length: int, piece: str) -> Mutation:
    def mutate(text: str) -> str:
        place = at % (len(text) + 1)
        return text[:place] + piece + text[place + length :]

    return mutate


LINES = st.integers(0, 200)
MUTATIONS = st.one_of(
    st.builds(replaced_value, LINES, VALUES),
    st.builds(replaced_key, LINES, KEYS),
    st.builds(moved_line, LINES, LINES, st.booleans()),
    st.builds(dropped_lines, LINES, st.integers(1, 6)),
    st.builds(overwritten, st.integers(0, 4000), st.integers(0, 4), PIECES),
)
SELECTIONS = st.builds(
    Selection,
    workload=st.sampled_from([None, None, None, "large", "x"]),
    options=st.sampled_from([{}, {}, {"transport": "queue"}, {"x": "y"}]),
    variant=st.sampled_from([None, None, None, "careless", "x"]),
)


@settings(
    max_examples=400,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(mutations=st.lists(MUTATIONS, min_size=1, max_size=3), selection=SELECTIONS)
def test_mutated_file_loads_or_is_a_config_error(
    mutations: list[Mutation], selection: Selection
) -> None:
    text = TEXT
    for mutate in mutations:
        text = mutate(text)
    with tempfile.TemporaryDirectory() as folder:
        check(write(Path(folder), text), selection)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(content=st.binary(max_size=60))
def test_any_bytes_are_a_config_error(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        shop = write(Path(folder))
        (shop / "system.toml").write_bytes(content)
        check(shop, Selection())


def check(shop: Path, selection: Selection) -> None:
    try:
        declared(shop)
    except ConfigError:
        event("nothing declared")
    try:
        system = load_system(shop, selection)
    except ConfigError as error:
        event("refused")
        check_error(error)
        return
    event("loaded")
    tables = json.loads(json.dumps(system.tables, allow_nan=False))
    again = parse_system(
        tables,
        name=system.name,
        folder=system.folder,
        source="plan.json",
        workload=system.workload,
    )
    assert again == system


def check_error(error: ConfigError) -> None:
    assert "system.toml" in error.message
    assert "\n" not in error.message
    assert "\n" not in error.hint
