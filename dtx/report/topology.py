"""A system as a picture of characters: who talks to whom, with the hurt links and nodes marked.

Every link is one arrow. A node is drawn in full where the client reaches it first; where it is the end of
a further arrow, its bare name stands. Wide terminals get columns from left to right, narrow ones a tree:

    [client] ──> [orders] ─┬──> (orders-db)          [client]
                           └─x> [payments]           └──> [orders]
                                                          ├──> (orders-db)
                                                          └─x> [payments]
"""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from dtx.config.model import CLIENT, System
from dtx.core.events import Hurt
from dtx.report import colours
from dtx.report.wording import clean

_ARROW_CELLS = 7
"""From the end of a name to the next one, across: a blank, a dash, the corner, the arrow and a blank."""
_STEP_CELLS = 5
"""From a node to what hangs below it: the corner, the arrow and a blank."""
_SHORTEST_NAME = 8
_ASCII = {"─": "-", "│": "|", "├": "+", "└": "`", "┬": "+", "…": "~"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Topology:
    """What is drawn: nodes in order of the file, the links between them, and which of the nodes hold data."""

    nodes: tuple[str, ...]
    links: tuple[tuple[str, str], ...]
    stores: frozenset[str]


@dataclass(slots=True)
class _Branch:
    """A node where it is drawn, and the arrow that leads to it."""

    node: str
    link: str = ""
    is_again: bool = False
    branches: list["_Branch"] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Place:
    row: int
    column: int


def topology_of(system: System) -> Topology:
    """Return what is drawn of a system."""
    return Topology(
        nodes=(*system.workers, *system.databases),
        links=tuple((link.source, link.destination) for link in system.links),
        stores=frozenset(system.nodes) - frozenset(system.workers),
    )


class TopologyPicture:
    """The picture at the width that there is, with nothing hurt."""

    def __init__(self, topology: Topology) -> None:
        self._topology = topology

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield from draw(self._topology, options.max_width, is_ascii=options.ascii_only)


def draw(
    topology: Topology,
    width: int,
    *,
    hurt: Iterable[Hurt] = (),
    label_cells: int = 0,
    is_ascii: bool = False,
) -> list[Text]:
    """Return the picture, a line for each row; none is wider than `width`.

    Args:
        topology: the nodes and links.
        width: what there is, in cells.
        hurt: what is marked, with the fault at the end of its row, behind the node's name if it hurts one.
        label_cells: room kept for the longest such words, so that nothing moves when it begins.
        is_ascii: no box-drawing characters.
    """
    roots = _trees(topology)
    faults: dict[str, list[str]] = {}
    for each in hurt:
        faults.setdefault(each.target, []).append(each.fault)
    room = width - (label_cells + 3 if label_cells else 0)
    canvas = _Canvas(topology, faults, is_ascii=is_ascii)
    places, is_across = _across(roots, canvas), True
    if max((places[id(b)].column + canvas.cells(b) for b in _walk(roots)), default=0) > room:
        places, is_across = _down(roots), False
        canvas.limit(width)
    for branch in _walk(roots):
        canvas.node(branch, places[id(branch)])
        canvas.arrows(branch, places, is_across=is_across)
    return canvas.lines(width)


def _trees(topology: Topology) -> list[_Branch]:
    """Return every link once: trees from the client, then from whoever is called by nobody, then the rest.

    Among these the order is the file's.
    """
    outgoing: dict[str, list[str]] = {}
    for source, destination in topology.links:
        outgoing.setdefault(source, []).append(destination)
    called = {destination for _, destination in topology.links}
    names = tuple(dict.fromkeys((*outgoing, *topology.nodes)))
    seen: set[str] = set()
    # `seen` grows on the way: who stands in an earlier tree begins none of its own.
    first = sorted(names, key=lambda name: (name != CLIENT, name in called))
    return [_tree(name, outgoing, seen) for name in first if name not in seen]


def _tree(root: str, outgoing: Mapping[str, Sequence[str]], seen: set[str]) -> _Branch:
    # Breadth first, so that a node stands where it is nearest.
    top = _Branch(root)
    seen.add(root)
    waiting = deque([top])
    while waiting:
        branch = waiting.popleft()
        for name in outgoing.get(branch.node, ()):
            child = _Branch(name, link=f"{branch.node}->{name}", is_again=name in seen)
            branch.branches.append(child)
            if not child.is_again:
                seen.add(name)
                waiting.append(child)
    return top


def _walk(branches: Sequence[_Branch]) -> Iterator[_Branch]:
    for branch in branches:
        yield branch
        yield from _walk(branch.branches)


def _across(roots: Sequence[_Branch], canvas: "_Canvas") -> dict[int, _Place]:
    """Place depth by depth in columns; the first branch stands on its parent's row."""
    widths: dict[int, int] = {}
    for branch, depth in _depths(roots):
        widths[depth] = max(widths.get(depth, 0), canvas.cells(branch))
    columns = [0]
    for depth in sorted(widths):
        columns.append(columns[depth] + widths[depth] + _ARROW_CELLS)
    places: dict[int, _Place] = {}
    row = 0
    for branch, depth in _depths(roots):
        places[id(branch)] = _Place(row, columns[depth])
        row += not branch.branches
    return places


def _down(roots: Sequence[_Branch]) -> dict[int, _Place]:
    """Place every node on a row of its own, indented by its depth."""
    return {
        id(branch): _Place(row, depth * _STEP_CELLS)
        for row, (branch, depth) in enumerate(_depths(roots))
    }


def _depths(branches: Sequence[_Branch], depth: int = 0) -> Iterator[tuple[_Branch, int]]:
    for branch in branches:
        yield branch, depth
        yield from _depths(branch.branches, depth + 1)


class _Canvas:
    """Cells by row and column, each a piece of text with its style."""

    def __init__(
        self, topology: Topology, faults: Mapping[str, Sequence[str]], *, is_ascii: bool
    ) -> None:
        self._stores = topology.stores
        self._faults = faults
        self._characters = _ASCII if is_ascii else {}
        self._cells: dict[_Place, tuple[str, str]] = {}
        self._told: dict[int, list[str]] = {}
        self._width: int | None = None

    def limit(self, width: int) -> None:
        """Shorten names that would end beyond `width`."""
        self._width = width

    def cells(self, branch: _Branch) -> int:
        """Return how wide a node's name is drawn."""
        return cell_len(self._label(branch))

    def node(self, branch: _Branch, place: _Place) -> None:
        """Draw a node's name."""
        faults = self._faults.get(branch.node, ())
        label = self._label(branch)
        if self._width is not None:
            label = self._short(label, max(_SHORTEST_NAME, self._width - place.column))
        style = colours.QUIET if branch.is_again else ""
        self._put(place, label, colours.HURT_NODE if faults else style)
        if not branch.is_again:
            # By name: the row has others too.
            self._tell(place.row, [f"{clean(branch.node)}: {fault}" for fault in faults])

    def arrows(self, branch: _Branch, places: Mapping[int, _Place], *, is_across: bool) -> None:
        """Draw the arrows to the node's branches."""
        if not branch.branches:
            return
        own = places[id(branch)]
        first, last = places[id(branch.branches[0])], places[id(branch.branches[-1])]
        begin = own.column + self.cells(branch) + 1 if is_across else own.column
        trunk = first.column - _STEP_CELLS if is_across else own.column
        for column in range(begin, trunk):
            self._put(_Place(own.row, column), "─", colours.QUIET)
        for row in range(own.row + 1, last.row):
            self._put(_Place(row, trunk), "│", colours.QUIET)
        for child in branch.branches:
            place = places[id(child)]
            corner = _corner(own.row, place.row, last.row)
            self._put(_Place(place.row, trunk), corner, colours.QUIET)
            is_straight = is_across and len(branch.branches) == 1
            self._arrow(child, place, begin if is_straight else trunk + 1)

    def _arrow(self, child: _Branch, place: _Place, begin: int) -> None:
        faults = self._faults.get(child.link, ())
        style = colours.FAULT if faults else colours.QUIET
        head = place.column - 2
        for column in range(begin, head):
            self._put(_Place(place.row, column), "─", style)
        self._put(_Place(place.row, head), ">", style)
        if faults:
            self._put(_Place(place.row, head - 1), "x", style)
            self._tell(place.row, faults)

    def lines(self, width: int) -> list[Text]:
        """Return the rows as lines, with the faults at the end of their rows."""
        rows: dict[int, dict[int, tuple[str, str]]] = {}
        for place, cell in self._cells.items():
            rows.setdefault(place.row, {})[place.column] = cell
        lines = [self._line(rows[row]) for row in sorted(rows)]
        longest = max((line.cell_len for line in lines), default=0)
        for row, faults in self._told.items():
            line, words = lines[row], ", ".join(dict.fromkeys(faults))
            # In one column where there is room, else right behind what it hurts.
            gap = longest - line.cell_len if longest + cell_len(words) + 3 <= width else 0
            line.append(" " * (gap + 3) + words, style=colours.FAULT)
        for line in lines:
            line.no_wrap, line.overflow = True, "ellipsis"
            line.truncate(width, overflow="ellipsis")
        return lines

    def _line(self, cells: Mapping[int, tuple[str, str]]) -> Text:
        line = Text()
        for column in sorted(cells):
            text, style = cells[column]
            line.append(" " * (column - line.cell_len))
            line.append(text, style=style)
        return line

    def _put(self, place: _Place, text: str, style: str) -> None:
        self._cells[place] = (self._characters.get(text, text), style)

    def _tell(self, row: int, faults: Sequence[str]) -> None:
        if faults:
            self._told.setdefault(row, []).extend(faults)

    def _label(self, branch: _Branch) -> str:
        name = clean(branch.node)
        if branch.is_again:
            return name
        return f"({name})" if branch.node in self._stores else f"[{name}]"

    def _short(self, label: str, cells: int) -> str:
        """Return the label with its middle left out where it is too long: its ends tell names apart."""
        if cell_len(label) <= cells:
            return label
        keep = cells - 1
        begin = Text(label)
        begin.truncate(keep - keep // 2)
        return begin.plain + self._characters.get("…", "…") + label[len(label) - keep // 2 :]


def _corner(first_row: int, row: int, last_row: int) -> str:
    if row == first_row:
        return "─" if row == last_row else "┬"
    return "└" if row == last_row else "├"
