"""From --fault texts to a schedule: scopes, times, draws, and errors that help."""

import pytest

from dtx.chaos.describe import describe, describe_omission, describe_schedule
from dtx.chaos.plan import parse_schedule
from dtx.core.errors import UnfitError, UsageError
from dtx.core.schedule import Layer, Proof, Schedule, Window
from tests.support.systems import order_system

SYSTEM = order_system()
INNER = {link.name for link in SYSTEM.links if link.source != "client"}


def plan(*texts: str, seed: int = 7, duration_s: float = 10) -> Schedule:
    return parse_schedule(texts, SYSTEM, seed=seed, duration_s=duration_s)


def one(text: str, **settings: int) -> Window:
    (window,) = plan(text, **settings).windows
    return window


def refused(*texts: str) -> UsageError:
    with pytest.raises(UsageError) as caught:
        plan(*texts)
    return caught.value


def test_none_and_nothing_are_empty_schedules() -> None:
    assert plan("none").windows == ()
    assert plan().windows == ()
    assert plan("none").text == "none"


def test_a_link_fault_without_scope_ranks_the_inner_links_and_takes_one_with_traffic() -> None:
    window = one("partition")
    assert set(window.targets) == INNER
    assert (window.take, window.needs_traffic) == (1, True)
    assert (window.layer, window.proof) == (Layer.LINK, Proof.SILENCE)


@pytest.mark.parametrize(
    ("scope", "links"),
    [
        ("orders->payments", {"orders->payments"}),
        ("orders->*", {"orders->orders-db", "orders->payments", "orders->inventory"}),
        ("*->payments", {"orders->payments"}),
        ("payments", {"orders->payments", "payments->payments-db"}),
        ("*", INNER),
        ("client", {"client->orders"}),
        ("client->*", {"client->orders"}),
        ("coordinator", {x for x in {*INNER, "client->orders"} if "orders" in x.split("->")}),
        (
            "databases",
            {"orders->orders-db", "payments->payments-db", "inventory->inventory-db"},
        ),
        ("workers", {*INNER, "client->orders"}),
    ],
)
def test_a_link_fault_with_scope_hurts_all_its_links_at_once(scope: str, links: set[str]) -> None:
    window = one(f"partition@{scope}")
    assert set(window.targets) == links
    assert (window.take, window.needs_traffic) == (0, False)


def test_a_kill_without_scope_draws_one_of_all_nodes() -> None:
    drawn = {one("kill", seed=seed).targets for seed in range(60)}
    assert drawn == {(node,) for node in SYSTEM.nodes}


@pytest.mark.parametrize(
    ("scope", "nodes"),
    [
        ("databases", set(SYSTEM.databases)),
        ("workers", set(SYSTEM.workers)),
        ("coordinator", {"orders"}),
        ("payments-db", {"payments-db"}),
    ],
)
def test_a_kill_with_scope_draws_one_of_it(scope: str, nodes: set[str]) -> None:
    drawn = {one(f"kill@{scope}", seed=seed).targets for seed in range(40)}
    assert drawn == {(node,) for node in nodes}


@pytest.mark.parametrize("fault", ["pause", "restart"])
def test_pause_and_restart_draw_one_of_all_nodes(fault: str) -> None:
    drawn = {one(fault, seed=seed).targets for seed in range(60)}
    assert drawn == {(node,) for node in SYSTEM.nodes}


def test_a_zombie_is_a_coordinator_or_a_worker_of_its_scope() -> None:
    assert one("zombie").targets == ("orders",)
    drawn = {one("zombie@*", seed=seed).targets for seed in range(60)}
    assert drawn == {(worker,) for worker in SYSTEM.workers}


@pytest.mark.parametrize(
    ("text", "at_s", "until_s"),
    [
        ("restart", 2.5, 3.5),
        ("restart,at=9s", 9, 10),
        ("restart,for=4s", 2.5, 6.5),
        ("zombie", 2.5, 8.5),
        ("zombie,at=4s", 4, 10),
        ("zombie,for=8s", 2, 10),
        ("pause", 2.5, 7.5),
    ],
)
def test_a_fault_with_a_length_of_its_own_holds_for_it(
    text: str, at_s: float, until_s: float
) -> None:
    window = one(text)
    assert [window.at_s, window.until_s] == pytest.approx([at_s, until_s])


@pytest.mark.parametrize("fault", ["terminate-backends", "lock:busiest"])
def test_faults_inside_a_database_draw_one_of_all(fault: str) -> None:
    drawn = {one(fault, seed=seed).targets for seed in range(40)}
    assert drawn == {(name,) for name in SYSTEM.databases}


def test_a_table_is_locked_in_the_database_that_is_named() -> None:
    window = one("lock:accounts@payments-db")
    assert (window.targets, window.arg) == (("payments-db",), "accounts")
    assert describe(window) == "lock:accounts of payments-db from 2.5 s to 7.5 s"


def test_a_node_named_like_an_aggregate_wins() -> None:
    renamed = SYSTEM.workers["payments"]
    workers = {**SYSTEM.workers, "coordinator": renamed}
    system = type(SYSTEM)(
        **{f: getattr(SYSTEM, f) for f in SYSTEM.__slots__} | {"workers": workers}
    )
    window = parse_schedule(["kill@coordinator"], system, seed=1, duration_s=10).windows[0]
    assert window.targets == ("coordinator",)


def test_a_crash_point_is_armed_in_the_workers_that_declare_it() -> None:
    window = one("crash-at:before-answer")
    assert window.targets == ("orders", "payments")
    assert (window.arg, window.name, window.take) == ("before-answer", "crash-at:before-answer", 0)
    assert one("crash-at:before-answer@payments").targets == ("payments",)


def test_the_pass_of_a_crash_point_is_drawn_from_one_to_five() -> None:
    drawn = {one("crash-at:before-answer", seed=seed).nth for seed in range(60)}
    assert drawn == {1, 2, 3, 4, 5}
    assert {one("kill", seed=seed).nth for seed in range(20)} == {1}


@pytest.mark.parametrize(
    ("times", "at_s", "until_s"),
    [
        ("", 2.5, 7.5),
        (",at=2s,for=5s", 2, 7),
        (",at=500ms,for=1.5", 0.5, 2),
        (",for=1s,at=9s", 9, 10),
        (",at=1", 1, 6),
        (",at=8", 8, 10),
        (",for=2", 2.5, 4.5),
        (",for=9s", 1, 10),
        (",for=10s", 0, 10),
        (",at=0,for=.5", 0, 0.5),
    ],
)
def test_times(times: str, at_s: float, until_s: float) -> None:
    window = one(f"partition@payments{times}")
    assert [window.at_s, window.until_s] == pytest.approx([at_s, until_s])


@pytest.mark.parametrize(
    ("text", "argument"),
    [
        ("slow", "200ms"),
        ("jitter", "50ms"),
        ("throttle", "2KB"),
        ("fragment", "16"),
        ("slow-close", "500ms"),
        ("partition", None),
        ("partition:hard", "hard"),
        ("slow:1s", "1s"),
        ("flap:slow:50ms", "slow:50ms"),
    ],
)
def test_what_a_left_out_argument_means_stands_in_the_plan(text: str, argument: str | None) -> None:
    assert one(text).arg == argument


@pytest.mark.parametrize(
    ("text", "proof"),
    [
        ("partition:hard", Proof.REFUSED),
        ("flap:partition:hard", Proof.REFUSED),
        ("flap:slow", Proof.LATE),
        ("cut-at:request:9", Proof.CUT),
    ],
)
def test_the_argument_decides_what_must_be_seen(text: str, proof: Proof) -> None:
    assert one(text).proof is proof


def test_jitter_draws_a_delay_for_each_change_from_the_seed() -> None:
    steps = one("jitter:90ms@orders->payments,for=1s,every=100ms").steps
    assert [step.at_s for step in steps] == pytest.approx([n / 10 for n in range(10)])
    assert len({step.value for step in steps}) > 3
    assert all(0 <= step.value <= 90 for step in steps)
    assert steps != one("jitter:90ms@orders->payments,for=1s,every=100ms", seed=8).steps


def test_jitter_is_felt_in_one_of_every_two_changes_and_each_has_room_for_an_answer() -> None:
    for seed in range(20):
        window = one("jitter:200ms@orders->payments,for=4s", seed=seed)
        assert [step.at_s for step in window.steps] == [0, 1, 2, 3]
        values = [step.value for step in window.steps]
        assert all(min(pair) <= 100 <= max(pair) for pair in (values[:2], values[2:]))


def test_flap_draws_when_it_is_on_and_off_from_the_seed() -> None:
    steps = one("flap:stall@orders->payments,for=3s").steps
    assert [step.value for step in steps] == [1, 0, 1, 0, 1, 0]
    on, off = steps[::2], steps[1::2]
    assert [step.at_s for step in on] == [0, 1, 2]
    assert all(0.25 <= b.at_s - a.at_s <= 0.75 for a, b in zip(on, off, strict=True))
    assert steps != one("flap:stall@orders->payments,for=3s", seed=8).steps


def test_only_a_crash_point_is_described_with_its_pass() -> None:
    assert describe(one("slow@payments->payments-db")).startswith("slow:200ms of payments->pay")
    assert "pass)" in describe(one("crash-at:before-answer"))


def test_faults_that_do_not_change_have_no_steps() -> None:
    assert one("slow").steps == ()


def test_windows_are_in_order_of_time_whatever_the_order_of_words() -> None:
    windows = plan("kill@orders,at=6,for=1+partition@payments,at=1,for=1", "kill@orders,at=3,for=1")
    assert [w.at_s for w in windows.windows] == [1, 3, 6]
    assert [w.index for w in windows.windows] == [0, 1, 2]


def test_overlapping_draws_avoid_each_other() -> None:
    for seed in range(40):
        first, second = plan("kill@workers+kill@workers", seed=seed).windows
        assert first.targets != second.targets


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("partiton", "no fault named 'partiton'", 'did you mean "partition"?'),
        ("kill@paymnts", "named 'paymnts'", 'did you mean "payments"?'),
        ("partition@orders->paymnts", "no link named", 'did you mean "orders->payments"?'),
        (
            "lose-reply@payments-",
            "the shell took the >",
            "quote it: 'lose-reply@payments->payments-db'",
        ),
        ("kill@orders+slow:9ms@paymnts-", "half a link", "'slow:9ms@paymnts->NODE'"),
        ("kill@each", "only `dtx matrix`", "dtx matrix shop --fault kill@each"),
        ("partition@each,at=2s", "only `dtx matrix`", "--fault partition@each,at=2s"),
        ("crash-at:each", "only `dtx matrix`", "--fault crash-at:each"),
        ("partition,lose-reply", "lose-reply is a fault of its own", "join faults with +"),
        ("kill,at=2s,slow:9ms@orders", "slow:9ms@orders is a fault", "join faults with +"),
        ("crash-at:before-anser", "no crash point", 'did you mean "before-answer"?'),
        ("crash-at", "needs a crash point", "dtx show"),
        ("crash-at:after-debit-before-log@payments", "no worker in @payments", "orders"),
        ("kill:hard", "takes no argument", "write kill"),
        ("kill@orders->payments", "is a link", "name one of"),
        ("zombie@payments-db", "is no worker", "pause@payments-db"),
        ("zombie,at=5s", "would end at 11 s", "--duration"),
        ("pause@orders+restart@orders,for=5s", "orders is already hurt", "another scope"),
        ("terminate-backends@orders", "no database of shop is in @orders", "payments-db"),
        ("lock", "needs a table of the database", "dtx show"),
        ("lock:accounts", "which database has the table accounts?", "lock:accounts@orders-db"),
        ("lock:accounts@databases", "which database has", "lock:busiest"),
        ("lock:busiest@orders", "no database of shop is in @orders", "payments-db"),
        ("lock:busiest@orders-db+kill@orders-db", "orders-db is already hurt", "another scope"),
        ("kill@", "nothing stands behind the @", "grammar"),
        ("", "name is missing", "grammar"),
        ("kill+", "name is missing", "grammar"),
        ("kill,at=12s", "outside a run of 10 s", "--duration"),
        ("kill,at=6s,for=5s", "after the run of 10 s", "--duration"),
        ("kill,for=11s", "after the run of 10 s", "--duration"),
        ("kill,for=0", "hurts nothing", "give it some time"),
        ("kill,at=soon", "'soon' is no time", "500ms"),
        ("kill,at=-1", "'-1' is no time", "500ms"),
        ("kill,at=nan", "'nan' is no time", "500ms"),
        ("kill,at=1,at=2", "at is given twice", "leave one"),
        ("kill,fro=2s", "no setting named 'fro'", 'did you mean "for"?'),
        ("kill,for=3s,every=3s", "does not fit into every=3s", "shorter"),
        ("kill,for=1ms,every=5ms", "more than 100 windows", "longer"),
        ("partition:hrad", "no kind of partition named 'hrad'", 'did you mean "hard"?'),
        ("partition:", "needs hard, or nothing", "dtx show"),
        ("stall:5s", "takes no argument", "write stall"),
        ("cut-at", "needs [request:|reply:]BYTES", "dtx show"),
        ("cut-at:replay:5", "no direction named 'replay'", 'did you mean "reply"?'),
        ("cut-at:5MB", "'5MB' is no size", "2KB"),
        ("slow:200", "not between 1 ms and 30 s", "did you mean 200ms?"),
        ("slow:fast", "'fast' is no time", "500ms"),
        ("jitter:0ms", "not between 1 ms", "200ms"),
        ("jitter,every=1ms", "too short to be seen", "every=0.05s"),
        ("throttle:500B", "less than 1000 bytes", "1000B or more"),
        ("throttle:1500B", "not a whole number of kilobytes", "throttle:1KB"),
        ("fragment:0", "less than 1 bytes", "1B or more"),
        ("flap", "needs a link fault", "dtx show"),
        ("flap:partiton", "no link fault named 'partiton'", 'did you mean "partition"?'),
        ("flap:kill", "no link fault named 'kill'", "partition"),
        ("flap:jitter", "changes by itself", "flap:slow"),
        ("flap:stall:1", "takes no argument", "write flap:stall"),
        ("flap:cut-at", "needs [request", "flap:cut-at"),
        ("flap:stall,every=100ms", "too short to be seen", "every=0.4s"),
        ("kill,p=0", "p=0 is no probability", "p=0.5"),
        ("kill,p=1.5", "is no probability", "p=0.5"),
        ("kill,p=half", "is no probability", "p=0.5"),
        ("kill,p=nan", "is no probability", "p=0.5"),
        ("random,at=2s", "has its own times and places", "--seed"),
        ("random@orders", "has its own times and places", "--seed"),
        ("random:3", "has its own times and places", "--seed"),
        ("rondom", "no fault named 'rondom'", 'did you mean "random"?'),
        ("file:", "which file?", "file:schedule.toml"),
        ("none+kill", "contradicts", "leave one"),
        ("none@orders", "hurts nothing", "alone"),
        ("kill@orders+kill@orders", "orders is already hurt", "do not overlap"),
        ("kill@orders+crash-at:before-answer", "orders is already hurt", "another scope"),
        ("partition@payments+lose-reply@orders->*", "orders->payments is already hurt", "overlap"),
    ],
)
def test_a_wrong_text_is_refused_with_place_and_advice(text: str, message: str, hint: str) -> None:
    error = refused(text)
    assert message in error.message
    assert hint in error.hint
    assert error.message.startswith("--fault")


def test_none_beside_another_text_is_refused() -> None:
    assert "contradicts" in refused("none", "kill").message


def test_windows_one_after_another_may_hurt_the_same_target() -> None:
    plan("kill@orders,at=1,for=2+kill@orders,at=3,for=2")


def test_a_node_and_its_links_may_be_hurt_at_once() -> None:
    plan("kill@payments+partition@payments")


def test_an_aggregate_that_is_empty_is_refused() -> None:
    system = order_system(coordinator=None)
    with pytest.raises(UsageError, match="shop has none"):
        parse_schedule(["kill@coordinator"], system, seed=1, duration_s=10)


def test_a_zombie_without_a_coordinator_wants_a_name() -> None:
    system = order_system(coordinator=None)
    with pytest.raises(UsageError, match="no worker of shop has the role coordinator") as caught:
        parse_schedule(["zombie"], system, seed=1, duration_s=10)
    assert "zombie@orders" in caught.value.hint


def test_a_link_fault_on_a_system_without_inner_links_is_refused() -> None:
    system = order_system(links=["client->orders"])
    with pytest.raises(UsageError, match="needs a link between two nodes"):
        parse_schedule(["partition"], system, seed=1, duration_s=10)


def test_lose_reply_without_a_scope_draws_a_link_to_a_worker() -> None:
    for seed in range(20):
        [window] = plan("lose-reply", seed=seed).windows
        assert window.targets
        assert not any(target.endswith("-db") for target in window.targets)


def test_windows_are_described_in_words() -> None:
    assert describe(one("partition@payments->payments-db")) == (
        "partition of payments->payments-db from 2.5 s to 7.5 s"
    )
    assert "of one that carries traffic of " in describe(one("lose-reply"))
    crash = one("crash-at:after-debit-before-log,at=0,for=250ms")
    assert describe(crash).startswith("crash-at:after-debit-before-log (")
    assert describe(crash).endswith(" pass) of orders from 0 s to 0.25 s")
    assert describe_schedule(plan("none")) == "no fault"


def test_a_fault_is_repeated_every_so_often_as_long_as_it_fits_into_the_run() -> None:
    windows = plan("kill@orders,at=1s,for=1s,every=3s").windows
    assert [(w.at_s, w.until_s) for w in windows] == [(1, 2), (4, 5), (7, 8)]
    assert {w.targets for w in windows} == {("orders",)}


def test_a_repeated_fault_without_a_length_holds_for_half_of_each_round() -> None:
    windows = plan("partition,at=0,every=5s").windows
    assert [(w.at_s, w.until_s) for w in windows] == [(0, 2.5), (5, 7.5)]


def test_a_repeated_fault_with_a_length_of_its_own_keeps_it() -> None:
    windows = plan("restart,at=1s,every=4s").windows
    assert [(w.at_s, w.until_s) for w in windows] == [(1, 2), (5, 6), (9, 10)]


def test_each_repetition_draws_its_own_target() -> None:
    drawn = {w.targets for w in plan("kill,for=500ms,every=1s").windows}
    assert len(drawn) > 1


def test_every_is_the_own_affair_of_a_fault_that_changes() -> None:
    assert len(plan("jitter,every=500ms").windows) == 1


def test_a_chance_of_one_always_comes() -> None:
    assert all(plan("kill,p=1", seed=seed).windows for seed in range(30))


def test_a_chance_is_drawn_for_each_window_and_what_does_not_come_is_told() -> None:
    schedule = plan("kill,at=0,for=100ms,every=200ms,p=0.5")
    assert len(schedule.windows) + len(schedule.omitted) == 50
    assert 10 < len(schedule.windows) < 40
    assert {o.fault for o in schedule.omitted} == {"kill,at=0,for=100ms,every=200ms,p=0.5"}
    assert {o.chance for o in schedule.omitted} == {0.5}
    assert not {o.at_s for o in schedule.omitted} & {w.at_s for w in schedule.windows}
    assert "does not come" in describe_omission(schedule.omitted[0])


def test_a_fault_without_a_chance_draws_as_it_did_without_one_beside_it() -> None:
    assert plan("kill").windows == plan("kill", seed=7).windows
    assert plan("kill").omitted == ()


LASTING = order_system(durable={"orders": ("journal.log",)})


def test_a_loss_of_power_draws_a_worker_with_durable_files() -> None:
    for text in ("power-loss", "power-loss@*", "power-loss@workers", "power-loss@orders"):
        (window,) = parse_schedule([text], LASTING, seed=1, duration_s=10).windows
        assert window.targets == ("orders",)
        assert (window.at_s, window.until_s) == (2.5, 3.5)
    assert parse_schedule(["power-loss+kill"], LASTING, seed=1, duration_s=10).losing_power() == (
        "orders",
    )


@pytest.mark.parametrize("text", ["power-loss", "power-loss@orders"])
def test_a_system_without_durable_files_cannot_lose_power(text: str) -> None:
    with pytest.raises(UnfitError, match="no worker of shop has durable files") as caught:
        plan(text)
    assert "durable = [" in caught.value.hint
    assert caught.value.message.startswith(f"--fault {text}: ")


def test_a_scope_without_durable_files_is_a_mistake_of_the_user() -> None:
    with pytest.raises(UsageError, match="no worker in @payments has durable files") as caught:
        parse_schedule(["power-loss@payments"], LASTING, seed=1, duration_s=10)
    assert not isinstance(caught.value, UnfitError)
    assert "orders" in caught.value.hint
