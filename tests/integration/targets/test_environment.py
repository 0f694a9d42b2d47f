"""A small system on the local runtime: brought up, looked at, hurt, and reset."""

import contextlib
import http.client
import threading
import urllib.error
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from dtx.config.loader import load_system
from dtx.config.model import Query, Selection
from dtx.core.deadline import Deadline, poll_until
from dtx.core.errors import ConfigError, ProvisionError
from dtx.core.observation import (
    Effect,
    EffectRow,
    InvariantRow,
    PendingRow,
    ResidueRow,
    Shape,
    Side,
)
from dtx.core.ports import Stream, Toxic
from dtx.targets import observer
from dtx.targets.environment import Environment
from dtx.targets.observer import Observer

from .local_here import eventually
from .till_system import DATABASE_URL, TILL_URL, post, started, write_till

pytestmark = pytest.mark.local

LOSE_REPLY = Toxic(
    name="lose-reply", type="timeout", stream=Stream.REPLIES, attributes={"timeout": 0}
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_till(tmp_path_factory.mktemp("system"))


@pytest.fixture(scope="module")
def held(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Environment]:
    """Hold one environment for all tests of this module."""
    with started(load_system(folder), tmp_path_factory.mktemp("logs")) as environment:
        yield environment


@pytest.fixture
def environment(
    held: Environment, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Environment]:
    """Give the environment, running, and reset it after."""
    if not held.nodes.is_alive("till"):
        held.start_workers(tmp_path_factory.mktemp("logs"))
    yield held
    held.reset()


class TestRunning:
    def test_each_link_has_a_proxy_of_its_own(self, environment: Environment) -> None:
        assert list(environment.links.names()) == ["till->till-db", "client->till"]
        ports = {environment.links.address(link).port for link in environment.links.names()}
        nodes = {environment._address(node).port for node in environment.nodes.names()}
        assert len(ports) == len(nodes) == 2
        assert not ports & nodes

    def test_client_goes_through_its_proxy_and_the_harness_past_it(
        self, environment: Environment
    ) -> None:
        through, past = environment.client_url(TILL_URL), environment.url(TILL_URL)
        assert through != past
        for url, connections in ((past, 0), (through, 1)):
            with contextlib.closing(
                http.client.HTTPConnection(url.removeprefix("http://"))
            ) as held:
                held.request("POST", "/pay", body=b"t1")
                assert held.getresponse().status == 201
                traffic = environment.links.traffic()["client->till"]
                assert traffic.connections == connections
                assert (traffic.request_bytes > 0) == (connections > 0)

    def test_harness_sees_the_database_while_its_link_is_hurt(
        self, environment: Environment
    ) -> None:
        environment.links.hurt("till->till-db", [LOSE_REPLY])
        with psycopg.connect(environment.url(DATABASE_URL), connect_timeout=5) as connection:
            assert connection.execute("select 1").fetchone() == (1,)
        assert environment.observer.observe().errors == ()

    def test_lost_reply_leaves_the_client_without_an_answer_and_the_row_in_the_database(
        self, environment: Environment
    ) -> None:
        environment.links.hurt("client->till", [LOSE_REPLY])
        failed: list[BaseException] = []

        def submit() -> None:
            try:
                post(environment.client_url(TILL_URL), "t1")
            except (OSError, http.client.HTTPException) as error:
                failed.append(error)

        client = threading.Thread(target=submit)
        client.start()
        assert eventually(lambda: environment.observer.effect_count() == 1)
        environment.links.heal("client->till")
        client.join(5)
        assert len(failed) == 1
        assert eventually(lambda: environment.links.dropped()["client->till"].replies > 0)

    def test_logs_are_collected(
        self, held: Environment, environment: Environment, tmp_path: Path
    ) -> None:
        environment._logs.write_to(tmp_path)
        post(environment.url(TILL_URL), "t1")
        log = tmp_path / "till.log"
        assert eventually(lambda: log.exists() and log.read_text().endswith(" paid t1\n"))


class TestObserving:
    def test_rows_of_every_shape_are_read(self, environment: Environment) -> None:
        post(environment.url(TILL_URL), "t1")
        post(environment.url(TILL_URL), "t2", "/open")
        seen = environment.observer.observe()
        [effect] = seen.effects
        assert effect.at_ns is not None
        assert effect == EffectRow(
            participant="till-db",
            tx="t1",
            step="pay",
            effect=Effect.APPLIED,
            amount=5,
            at_ns=effect.at_ns,
        )
        [pending] = seen.pending
        assert pending == PendingRow(participant="till-db", tx="t2", since_ns=pending.since_ns)
        assert pending.since_ns is not None
        assert seen.residue == (ResidueRow(participant="till-db", name="unsent", count=1),)
        assert seen.invariants == (
            InvariantRow(name="nothing is lost", side=Side.LEFT, key="", value=5),
        )
        assert seen.errors == ()

    def test_open_counts_name_what_is_not_quiet(self, environment: Environment) -> None:
        assert environment.observer.open_counts() == {}
        post(environment.url(TILL_URL), "t1", "/open")
        assert environment.observer.open_counts() == {
            "till-db: pending": 1,
            "till-db: unsent": 1,
        }

    def test_wrong_columns_are_recorded_as_errors_and_the_rest_is_read(
        self, environment: Environment, folder: Path
    ) -> None:
        post(environment.url(TILL_URL), "t1")
        confused = load_system(folder, Selection(variant="confused"))
        seen = Observer(confused, environment._databases).observe()
        effects, pending, residue = seen.errors
        assert effects.startswith("[databases.till-db.observe] effects: 2 columns")
        assert "select nothing from nowhere" in pending
        assert residue.startswith("[databases.till-db.residue] unsent: count is 't1'")
        assert [row.value for row in seen.invariants] == [5]

    @pytest.mark.parametrize(
        ("key", "query", "words"),
        [
            ("effects", "selct tx from payments", "syntax error"),
            ("effects", "select tx, amount from payments", "2 columns, wanted (tx, step"),
            ("pending", "select nothing from nowhere", 'relation "nowhere" does not exist'),
            ("pending", "delete from payments returning tx", "read-only transaction"),
            ("pending", "select 'x', now() from pg_sleep(60)", "statement timeout"),
            ("pending", "select 1", "tx is 1, wanted text"),
        ],
    )
    def test_query_that_cannot_work_is_an_error_of_the_file_before_anything_is_submitted(
        self,
        environment: Environment,
        folder: Path,
        monkeypatch: pytest.MonkeyPatch,
        key: str,
        query: str,
        words: str,
    ) -> None:
        monkeypatch.setattr(observer, "CHECK_WITHIN_S", 1)
        system = load_system(folder)
        database = system.databases["till-db"]
        changed = replace(database, observe={**database.observe, Shape(key): query})
        confused = replace(system, databases={"till-db": changed})
        with pytest.raises(ConfigError) as caught:
            Observer(confused, environment._databases).check()
        assert caught.value.message.startswith(f"[databases.till-db.observe] {key}: ")
        assert words in caught.value.message

    def test_residue_and_invariants_are_tried_too(
        self, environment: Environment, folder: Path
    ) -> None:
        system = load_system(folder)
        database = replace(system.databases["till-db"], residue={"unsent": "select 1, 2"})
        confused = replace(system, databases={"till-db": database})
        with pytest.raises(ConfigError, match=r"residue\] unsent: 2 columns"):
            Observer(confused, environment._databases).check()
        [invariant] = system.contract.invariants
        wrong = replace(invariant, left=(Query(database="till-db", sql="select 1, 2, 3"),))
        contract = replace(system.contract, invariants=(wrong,))
        with pytest.raises(ConfigError, match=r"'nothing is lost' left: 3 columns"):
            Observer(replace(system, contract=contract), environment._databases).check()

    def test_dead_database_is_an_error_of_the_observations_and_no_traceback(
        self, environment: Environment
    ) -> None:
        environment.nodes.kill("till-db")
        seen = environment.observer.observe()
        assert seen.errors
        assert all(error.startswith("till-db: ") for error in seen.errors)
        with pytest.raises(ProvisionError):
            environment.observer.open_counts()


class TestNodes:
    def test_names_and_links(self, environment: Environment) -> None:
        assert list(environment.nodes.names()) == ["till-db", "till"]
        assert list(environment.nodes.links_of("till")) == ["till->till-db", "client->till"]
        assert list(environment.nodes.links_of("till-db")) == ["till->till-db"]

    @pytest.mark.parametrize("node", ["till", "till-db"])
    def test_killed_node_is_dead_until_it_is_started_again(
        self, environment: Environment, node: str
    ) -> None:
        url = environment.client_url(TILL_URL)
        post(url, "before")
        assert environment.nodes.kill(node).processes >= 1
        assert not environment.nodes.is_alive(node)
        with pytest.raises((urllib.error.URLError, OSError, http.client.HTTPException)):
            post(url, "meanwhile")
        environment.nodes.start(node)
        assert environment.nodes.is_alive(node)
        assert poll_until(lambda: served(url), Deadline.after(10))
        txs = {row.tx for row in environment.observer.observe().effects}
        assert txs == {"before", "after"}

    def test_last_words_of_a_dead_node_say_how_it_ended(self, environment: Environment) -> None:
        environment.nodes.kill("till")
        assert "SIGKILL" in environment.nodes.last_words("till")
        assert "ready to accept connections" in environment.nodes.last_words("till-db")


def served(url: str) -> bool:
    # Toxiproxy dials the new server inside its accept loop: the first try may still meet the old end.
    try:
        return post(url, "after") == 201
    except (OSError, http.client.HTTPException):
        return False


class TestReset:
    def test_reset_after_every_kind_of_dirt_gives_a_clean_environment(
        self, environment: Environment, tmp_path: Path
    ) -> None:
        url = environment.client_url(TILL_URL)
        post(url, "t1")
        environment.links.hurt("client->till", [LOSE_REPLY])
        environment.crash_points.arm("till", "after-commit", 1)
        session = psycopg.connect(environment.url(DATABASE_URL))
        session.execute("create table extra ()")
        environment.nodes.kill("till-db")
        ports = [environment.links.address(link) for link in environment.links.names()]

        environment.reset()
        session.close()

        assert not environment.nodes.is_alive("till")
        assert environment.nodes.is_alive("till-db")
        assert environment.links.unclean() == []
        assert environment._databases["till-db"].unclean() == []
        assert environment.crash_points.reached("till") is None
        assert not list((environment._scope.folder / "crash").iterdir())
        assert [environment.links.address(link) for link in environment.links.names()] == ports
        traffic = environment.links.traffic()
        assert {(t.connections, t.request_bytes, t.reply_bytes) for t in traffic.values()} == {
            (0, 0, 0)
        }

        environment.start_workers(tmp_path)
        assert environment.client_url(TILL_URL) == url
        assert post(url, "t2") == 201
        assert [row.tx for row in environment.observer.observe().effects] == ["t2"]

    def test_reset_twice_is_a_reset(self, environment: Environment) -> None:
        post(environment.url(TILL_URL), "t1")
        environment.reset()
        environment.reset()
        assert environment.observer.observe().effects == ()
