"""The picture of a system: every link is drawn once, what is hurt is marked, and nothing is wider than the terminal."""

import pytest
from rich.cells import cell_len

from dtx.core.events import Hurt
from dtx.report.topology import Topology, draw, topology_of
from tests.support.systems import order_system

SHOP = topology_of(order_system())
LONG = "a-database-with-a-very-long-name-of-the-shipping-team"
LARGE = Topology(
    nodes=(
        "gateway", "orders", "payments", "shipping-coordinator-service", "relay", "orders-db",
        "payments-db", LONG, "bus", "alone",
    ),
    links=(
        ("client", "gateway"), ("gateway", "orders"), ("orders", "orders-db"), ("orders", "payments"),
        ("payments", "payments-db"), ("payments", "orders"), ("orders", "shipping-coordinator-service"),
        ("shipping-coordinator-service", LONG), ("relay", "orders-db"), ("relay", "bus"),
    ),
    stores=frozenset({"orders-db", "payments-db", LONG, "bus"}),
)  # fmt: skip
ONE = Topology(nodes=("till",), links=(("client", "till"),), stores=frozenset())
WIDTHS = [30, 60, 80, 120, 200]
TOPOLOGIES = [pytest.param(t, id=i) for t, i in ((SHOP, "shop"), (LARGE, "large"), (ONE, "one"))]


def plain(topology: Topology, width: int, *hurt: Hurt, is_ascii: bool = False) -> str:
    lines = draw(topology, width, hurt=hurt, label_cells=10, is_ascii=is_ascii)
    return "\n".join(line.plain for line in lines)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("topology", TOPOLOGIES)
def test_every_link_is_one_arrow_and_no_line_is_too_wide(topology: Topology, width: int) -> None:
    everything = [Hurt(target="->".join(link), fault="partition") for link in topology.links]
    for hurt in ((), everything):
        text = plain(topology, width, *hurt)
        assert text.count(">") == len(topology.links)
        assert max(map(cell_len, text.splitlines())) <= width


@pytest.mark.parametrize("width", [w for w in WIDTHS if w > 30])
@pytest.mark.parametrize("topology", TOPOLOGIES)
def test_every_node_is_drawn_in_full_once(topology: Topology, width: int) -> None:
    text = plain(topology, width)
    for node in topology.nodes:
        framed = f"({node})" if node in topology.stores else f"[{node}]"
        if node != LONG or width > 80:
            assert text.count(framed) == 1, framed


@pytest.mark.parametrize("width", [60, 80, 200])
def test_only_the_hurt_link_is_crossed_and_its_row_names_the_fault(width: int) -> None:
    text = plain(SHOP, width, Hurt(target="orders->inventory", fault="lose-reply"))
    crossed = [line for line in text.splitlines() if "x>" in line]
    assert len(crossed) == 1
    assert "x> [inventory]" in crossed[0]
    assert crossed[0].endswith("lose-reply")


@pytest.mark.parametrize("width", [60, 80, 200])
def test_the_hurt_node_is_marked_and_its_row_names_the_fault(width: int) -> None:
    words = "payments-db: kill"
    hurt = [Hurt(target="payments-db", fault="kill")]
    lines = draw(SHOP, width, hurt=hurt, label_cells=len(words))
    [row] = [line for line in lines if "(payments-db)" in line.plain]
    assert row.plain.endswith(f"   {words}")
    styles = {row.plain[span.start : span.end]: str(span.style) for span in row.spans}
    assert "reverse" in styles["(payments-db)"]
    assert not any(
        "reverse" in str(s.style) for line in lines if line is not row for s in line.spans
    )


def test_a_row_that_ends_at_another_node_says_which_one_is_hurt() -> None:
    kill, reset = (
        Hurt(target="orders", fault="kill"),
        Hurt(target="orders->orders-db", fault="reset"),
    )
    [first, *_] = plain(SHOP, 80, kill).splitlines()
    assert first.startswith("[client] ────> [orders] ─┬──> (orders-db)")
    assert first.endswith("   orders: kill")
    assert plain(SHOP, 120, kill, reset).splitlines()[0].endswith("   orders: kill, reset")


@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_moves_when_a_fault_begins(width: int) -> None:
    before = plain(LARGE, width).splitlines()
    hurt = Hurt(target="orders->payments", fault="lose-reply")
    during = plain(LARGE, width, hurt).splitlines()
    assert len(before) == len(during)
    for was, now in zip(before, during, strict=True):
        assert now.replace("─x>", "──>")[: len(was.rstrip("…"))] == was.rstrip("…")


def test_columns_where_there_is_room_and_a_tree_where_there_is_not() -> None:
    assert len(plain(SHOP, 80).splitlines()) == 3
    assert len(plain(SHOP, 40).splitlines()) == 7


def test_a_node_that_nobody_calls_is_drawn_too() -> None:
    text = plain(LARGE, 200)
    assert "[relay] ──┬──> orders-db" in text
    assert "[alone]" in text


def test_the_client_comes_first() -> None:
    assert plain(LARGE, 80).startswith("[client]")


def test_plain_characters_where_the_terminal_knows_no_others() -> None:
    for width in WIDTHS:
        assert plain(LARGE, width, is_ascii=True).isascii() or width == 30
