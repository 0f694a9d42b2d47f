"""Which links are hurt, once the warm-up has shown who carries traffic."""

from collections.abc import Mapping

from dtx.chaos.aim import aimed, qualify
from dtx.chaos.overlap import is_decided
from dtx.chaos.plan import parse_schedule
from dtx.core.ports import LinkTraffic
from tests.support.systems import FIVE_LINKS, order_system

SYSTEM = order_system()


def traffic(**request_bytes: int) -> Mapping[str, LinkTraffic]:
    """Return traffic of all links; `orders__payments=5` is 5 bytes of requests on orders->payments."""
    named = {k.replace("__", "->").replace("_", "-"): v for k, v in request_bytes.items()}
    return {
        link: LinkTraffic(connections=1, request_bytes=named.get(link, 0), reply_bytes=0)
        for link in FIVE_LINKS
    }


def test_the_first_ranked_link_that_carried_traffic_is_hurt() -> None:
    after = traffic(orders__payments=5, payments__payments_db=5)
    for seed in range(30):
        schedule = parse_schedule(["partition"], SYSTEM, seed=seed, duration_s=10)
        ranked = schedule.windows[0].targets
        first = next(t for t in ranked if t in {"orders->payments", "payments->payments-db"})
        assert qualify(schedule.windows[0], traffic(), after) == (first,)


def test_traffic_from_before_the_warm_up_does_not_count() -> None:
    schedule = parse_schedule(["partition"], SYSTEM, seed=1, duration_s=10)
    old = traffic(orders__payments=5)
    assert qualify(schedule.windows[0], old, old) == ()


def test_a_window_that_is_decided_stays_as_it_is() -> None:
    schedule = parse_schedule(
        ["partition@orders->*", "kill@payments"], SYSTEM, seed=1, duration_s=10
    )
    assert aimed(schedule, traffic(), traffic()) == schedule


def test_two_draws_at_one_time_take_different_links() -> None:
    after = traffic(orders__payments=5, payments__payments_db=5)
    for seed in range(30):
        schedule = parse_schedule(["partition+partition"], SYSTEM, seed=seed, duration_s=10)
        first, second = aimed(schedule, traffic(), after).windows
        assert {*first.targets, *second.targets} == {"orders->payments", "payments->payments-db"}
        assert is_decided(first)
        assert is_decided(second)


def test_a_draw_avoids_links_that_were_named_for_the_same_time() -> None:
    after = traffic(orders__payments=5, payments__payments_db=5)
    for seed in range(30):
        schedule = parse_schedule(
            ["partition+lose-reply@orders->payments"], SYSTEM, seed=seed, duration_s=10
        )
        targets = {w.fault: w.targets for w in aimed(schedule, traffic(), after).windows}
        assert targets["partition"] == ("payments->payments-db",)


def test_a_draw_without_any_traffic_has_no_target() -> None:
    schedule = parse_schedule(["partition"], SYSTEM, seed=1, duration_s=10)
    assert aimed(schedule, traffic(), traffic()).windows[0].targets == ()
