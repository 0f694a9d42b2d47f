"""Queries of a system with MariaDB that can't work: the key is named, and nothing is written or goes on for ever."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from dtx.config.loader import load_system
from dtx.config.model import Invariant, Query, System
from dtx.core.errors import ConfigError
from dtx.core.observation import Shape
from dtx.targets.local.runtime import LocalRuntime
from dtx.targets.mariadb.target import MariaDbTarget
from dtx.targets.observer import CHECK_HINT, Observer
from tests.support.commands import complaint, dtx
from tests.support.leftovers import left_of_local_run
from tests.support.till_system import write_till

from .local_here import local_runtime

pytestmark = [pytest.mark.local, pytest.mark.mariadb]

ROUTINES = """
delimiter //
create function sneaky() returns int modifies sql data
begin insert into sales values ('sneaked', ''); return 1; end//
create procedure commits() begin commit; insert into sales values ('committed', ''); select 't', 's', 'applied', 1; end//
"""


def till(folder: Path) -> Path:
    """Write the till with a database of the other kind."""
    write_till(folder)
    file = folder / "system.toml"
    file.write_text(file.read_text().replace('kind = "postgres"', 'kind = "mariadb"'))
    sql = folder / "till.sql"
    sql.write_text(
        sql.read_text()
        .replace("tx text primary key", "tx varchar(40) primary key")
        .replace("slip text not null", "slip varchar(40) not null")
    )
    return folder


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> System:
    return load_system(till(tmp_path_factory.mktemp("system") / "till"))


@pytest.fixture(scope="module")
def target(system: System) -> Iterator[MariaDbTarget]:
    with local_runtime() as runtime:
        yield ready(runtime, system)


def ready(runtime: LocalRuntime, system: System) -> MariaDbTarget:
    target = MariaDbTarget("till-db", runtime.launch_mariadb("till-db"))
    target.wait_ready(30)
    target.apply_schema(system.databases["till-db"].schema)
    with target.session() as session, session.cursor() as cursor:
        for routine in ROUTINES.replace("delimiter //", "").split("//"):
            if routine.strip():
                cursor.execute(routine)
    target.keep_pristine()
    return target


def refusal(target: MariaDbTarget, system: System) -> str:
    """Return what the check before a run says of the system; the database must be as it was."""
    with pytest.raises(ConfigError) as caught:
        Observer(system, {"till-db": target}).check()
    assert target.unclean() == []
    return f"{caught.value.message}\n{caught.value.hint}"


def observing(system: System, shape: Shape, query: str) -> System:
    database = system.databases["till-db"]
    changed = replace(database, observe={**database.observe, shape: query})
    return replace(system, databases={"till-db": changed})


ENDLESS = (
    "with recursive n as (select 1 as i union all select i + 1 from n where i < 1e9)"
    " select 't', 's', 'applied', count(*) from n a join n b join n c"
)
SYNTAX = "You have an error in your SQL syntax"


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("selec 1", SYNTAX),
        ("select * from nowhere", "Table 'app.nowhere' doesn't exist"),
        ("select 1", "1 columns, wanted (tx, step, effect, amount, at)"),
        ("select null, 's', 'applied', 1", "tx is None, wanted text"),
        ("select 't', 's', 'applied', 'much'", "amount is 'much', wanted a whole number"),
        ("select 't', 's', 'applied', 1.5", "wanted a whole number"),
        ("select 't', 's', 'maybe', 1", "effect is 'maybe', not applied or undone"),
        ("select 't', 's', 'applied', 1, '2026-01-01'", "wanted timestamp with time zone"),
        ("select 't', 's', 'applied', sneaky()", "READ ONLY transaction"),
        (ENDLESS, "interrupted"),
        ("select 't', 's', 'applied', 1; delete from sales", SYNTAX),
        ("commit; delete from sales", SYNTAX),
        ("commit", "Table 'app.commit' doesn't exist"),
        ("set session transaction read write", SYNTAX),
        ("set statement max_statement_time = 0 for select 't', 's', 'applied', sleep(60)", SYNTAX),
        ("begin not atomic commit; select 't', 's', 'applied', sneaky(); end", SYNTAX),
        ("execute immediate 'commit'", SYNTAX),
        ("call commits()", SYNTAX),
        ("delete from sales returning tx, 's', 'applied', 1", "denied"),
        ("insert into sales values ('t', '') returning tx, 's', 'applied', 1", "denied"),
        ("create table mine (id int)", SYNTAX),
        ("drop table sales", SYNTAX),
        ("select 't', 's', 'applied', 1 into outfile '/tmp/never'", "denied"),
    ],
)  # fmt: skip
def test_query_that_cannot_work_is_named_and_changes_nothing(
    target: MariaDbTarget, system: System, query: str, said: str
) -> None:
    complained = refusal(target, observing(system, Shape.EFFECTS, query))
    assert said in complained
    assert "[databases.till-db.observe] effects" in complained


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("select 1, 2, 3", "3 columns, wanted (tx, since)"),
        ("select 7", "tx is 7, wanted text"),
        ("select 't', 'yesterday'", "wanted timestamp with time zone"),
        ("call commits()", CHECK_HINT),
    ],
)
def test_pending_query_is_checked_too(
    target: MariaDbTarget, system: System, query: str, said: str
) -> None:
    complained = refusal(target, observing(system, Shape.PENDING, query))
    assert said in complained
    assert "[databases.till-db.observe] pending" in complained


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("select 't'", "1 columns, wanted (tx, decision, at)"),
        ("select 7, 'commit'", "tx is 7, wanted text"),
        ("select 't', null", "decision is None, wanted text"),
        ("select 't', 'commit', 'yesterday'", "wanted timestamp with time zone"),
        ("call commits()", CHECK_HINT),
    ],
)
def test_decisions_query_is_checked_too(
    target: MariaDbTarget, system: System, query: str, said: str
) -> None:
    complained = refusal(target, observing(system, Shape.DECISIONS, query))
    assert said in complained
    assert "[databases.till-db.observe] decisions" in complained


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("select 'much'", "value is 'much', wanted a whole number"),
        ("select 1, 2, 3", "3 columns, wanted (value) or (key, value)"),
        ("call commits()", SYNTAX),
    ],
)
def test_invariants_query_is_checked_too(
    target: MariaDbTarget, system: System, query: str, said: str
) -> None:
    invariant = Invariant(
        name="till", left=(Query(database="till-db", sql=query),), right=0, compare="=="
    )
    contract = replace(system.contract, invariants=(invariant,))
    assert said in refusal(target, replace(system, contract=contract))


def test_the_command_says_it_in_three_lines_and_leaves_nothing(place: Path) -> None:
    folder = till(place / "till")
    file = folder / "system.toml"
    file.write_text(file.read_text().replace("select tx from open_sales", "call commits()"))
    done = dtx("run", "./till", "--runtime", "local", "--duration", "1", cwd=place)
    said = complaint(done)
    assert done.returncode == 2, said
    assert "[databases.till-db.observe] pending: till-db: query failed: " in said
    assert CHECK_HINT in said
    assert not left_of_local_run(place)
