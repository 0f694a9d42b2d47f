"""A transaction's story: what client, workers, databases and faults did, in time order, in plain words."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import assert_never

from dtx.core.history import PhaseName, ProcessChange, ProcessEvent
from dtx.core.schedule import Proof
from dtx.core.verdict import StoryLine
from dtx.verify.ledger import Ledger
from dtx.verify.timeline import FaultWindow
from dtx.verify.words import answer_words, count, effect_words, listed, prepared_words

Logs = Mapping[str, Iterable[tuple[int, str]]]
"""Worker -> (monotonic ns, line), in the order written; read at most once, and only if there is a story to tell."""

MAX_LINES = 60
MAX_WIDTH = 300

TOLD_AGAIN = 3
"""So often a worker may say the same in one story; of more the first and the last are told."""

_NUMBER = re.compile(r"\d+")

CLIENT, FAULT, HARNESS, SYSTEM = "client", "fault", "dtx", "system"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    at_ns: int
    who: str
    what: str
    is_log: bool = False


def tell_stories(
    ledger: Ledger, logs: Logs, transactions: Collection[str]
) -> dict[str, tuple[StoryLine, ...]]:
    """Return the story of each transaction; the logs are read once for all of them."""
    from_logs = _log_lines(logs, transactions)
    return {tx: _tell(ledger, tx, from_logs[tx]) for tx in sorted(transactions)}


def _log_lines(logs: Logs, transactions: Collection[str]) -> dict[str, list[_Line]]:
    found: dict[str, list[_Line]] = {tx: [] for tx in transactions}
    if not found:
        return found
    for worker in sorted(logs):
        for at_ns, text in logs[worker]:
            for tx, lines in found.items():
                if tx in text:
                    what = text.removeprefix(f"tx={tx} ")
                    lines.append(_Line(at_ns=at_ns, who=worker, what=what, is_log=True))
    return found


def _folded(lines: Sequence[_Line]) -> list[_Line]:
    """Keep the first and the last of what a worker says again and again; numbers in it may differ."""
    alike: dict[tuple[str, str], list[_Line]] = {}
    for line in lines:
        alike.setdefault((line.who, _NUMBER.sub("0", line.what)), []).append(line)
    kept: list[_Line] = []
    for group in alike.values():
        if len(group) <= TOLD_AGAIN:
            kept += group
        else:
            words = f"{group[-1].what} (and {len(group) - 2} like it before)"
            kept += [group[0], replace(group[-1], what=words)]
    return sorted(kept, key=lambda line: line.at_ns)


def _tell(ledger: Ledger, tx: str, from_logs: Sequence[_Line]) -> tuple[StoryLine, ...]:
    own = [
        *_client_lines(ledger, tx),
        *_folded(from_logs),
        *_database_lines(ledger, tx),
        *_decision_lines(ledger, tx),
        *_reader_lines(ledger, tx),
        *_wait_lines(ledger, tx),
    ]
    begin_ns = min((line.at_ns for line in own), default=ledger.timeline.begin_ns)
    end_ns = max((line.at_ns for line in own), default=ledger.timeline.end_ns)
    around = _circumstances(ledger, tx, begin_ns, end_ns)
    # Sorted by time alone: at one moment the order is client, workers, databases, circumstances.
    lines = sorted(chain(own, around, _ending(ledger, tx)), key=lambda line: line.at_ns)
    return tuple(
        StoryLine(
            at_s=ledger.timeline.seconds(line.at_ns), who=line.who, what=_shortened(line.what)
        )
        for line in _cut(lines)
    )


def _client_lines(ledger: Ledger, tx: str) -> Iterator[_Line]:
    operation = ledger.operations.get(tx)
    if operation is None:
        return
    fields = ", ".join(f"{name}={value}" for name, value in operation.value.items())
    submits = f"submits {tx}" + (f": {fields}" if fields else "")
    yield _Line(at_ns=operation.invoked_ns, who=CLIENT, what=submits)
    if operation.accepted is not None:
        at_ns, status = operation.accepted
        yield _Line(
            at_ns=at_ns, who=CLIENT, what=f"is told that it is under way ({status}); keeps asking"
        )
    if operation.completed_ns is not None:
        yield _Line(at_ns=operation.completed_ns, who=CLIENT, what=answer_words(operation))


def _database_lines(ledger: Ledger, tx: str) -> Iterator[_Line]:
    for row in ledger.rows.get(tx, ()):
        at_ns = ledger.timeline.from_wall(row.at_ns)
        if at_ns is not None:
            yield _Line(at_ns=at_ns, who=row.participant, what=effect_words(row))


def _decision_lines(ledger: Ledger, tx: str) -> Iterator[_Line]:
    for row in ledger.decisions.get(tx, ()):
        at_ns = ledger.timeline.from_wall(row.at_ns)
        if at_ns is not None:
            yield _Line(at_ns=at_ns, who=row.participant, what=f"decided: {row.decision}")


def _reader_lines(ledger: Ledger, tx: str) -> Iterator[_Line]:
    for read in ledger.reads:
        for sees, names in (
            ("sees it", [a.participant for a in read.answers if tx in a.added]),
            ("no longer sees it", [a.participant for a in read.answers if tx in a.removed]),
        ):
            if names:
                yield _Line(at_ns=read.at_ns, who=read.reader, what=f"{sees} at {_joined(names)}")


def _wait_lines(ledger: Ledger, tx: str) -> Iterator[_Line]:
    for wait in ledger.waits:
        for_what = f" ({wait.what})" if wait.what else ""
        at_least = f"{(wait.last_ns - wait.first_ns) / 1e9:.2f} s or longer"
        spell = at_least if wait.is_over else "to the end"
        if wait.waiter == tx:
            what = f"waits for {wait.holder}{for_what}, {spell}"
        elif wait.holder == tx:
            what = f"keeps {wait.waiter} waiting{for_what}, {spell}"
        else:
            continue
        yield _Line(at_ns=wait.first_ns, who=wait.database, what=what)


def _joined(names: Sequence[str]) -> str:
    return " and ".join((", ".join(names[:-1]), names[-1])) if len(names) > 1 else names[0]


def _circumstances(ledger: Ledger, tx: str, begin_ns: int, end_ns: int) -> Iterator[_Line]:
    """Yield the faults that were on meanwhile, and what happened to processes until these were healed."""
    operation = ledger.operations.get(tx)
    if tx in ledger.pending or (operation is not None and operation.completed_ns is None):
        end_ns = ledger.timeline.end_ns
    met = [window for window in ledger.timeline.windows if window.overlaps(begin_ns, end_ns)]
    for window in met:
        yield from _fault_lines(window)
    until_ns = max([end_ns, *(window.end_ns for window in met)])
    for event in ledger.timeline.processes:
        if begin_ns <= event.at_ns <= until_ns:
            yield _Line(at_ns=event.at_ns, who=event.node, what=_process_words(event))


def _fault_lines(window: FaultWindow) -> Iterator[_Line]:
    where = listed(window.targets, at_most=8)
    begins = "is armed in" if window.plan.proof is Proof.CRASH else "begins on"
    yield _Line(at_ns=window.begin_ns, who=FAULT, what=f"{window.plan.name} {begins} {where}")
    if window.healed is None:
        return
    ends = "is over on" if window.healed.is_healed else "could not be healed on"
    detail = f": {window.healed.error}" if window.healed.error else ""
    yield _Line(at_ns=window.end_ns, who=FAULT, what=f"{window.plan.name} {ends} {where}{detail}")


def _process_words(event: ProcessEvent) -> str:
    match event.change:
        case ProcessChange.STARTED:
            words = "is started"
        case ProcessChange.READY:
            words = "is ready again"
        case ProcessChange.KILLED:
            words = "is killed by the fault"
        case ProcessChange.DIED:
            words = "dies"
        case ProcessChange.STOPPED:
            words = "is stopped"
        case ProcessChange.PAUSED:
            words = "is paused by the fault"
        case ProcessChange.RESUMED:
            words = "goes on"
        case _:
            assert_never(event.change)
    return f"{words}: {event.detail}" if event.detail else words


def _ending(ledger: Ledger, tx: str) -> Iterator[_Line]:
    """Yield what was found once the run had waited for quiet: all that has no time of its own."""
    timeline = ledger.timeline
    quiet = timeline.quiet
    if quiet is not None:
        end = "all is quiet" if quiet.is_quiet else "not everything has ended"
        words = f"{quiet.waited_s:.1f} s after healing {end}; what is there now counts"
        yield _Line(at_ns=quiet.at_ns, who=HARNESS, what=words)
    observed_ns = timeline.began(PhaseName.OBSERVE)
    at_ns = timeline.end_ns if observed_ns is None else observed_ns
    if quiet is not None:
        at_ns = max(at_ns, quiet.at_ns)
    rows = ledger.rows.get(tx, ())
    untimed = (row for row in rows if timeline.from_wall(row.at_ns) is None)
    for row in untimed:
        yield _Line(at_ns=at_ns, who=row.participant, what=f"{effect_words(row)} (time not known)")
    for decided in ledger.decisions.get(tx, ()):
        if timeline.from_wall(decided.at_ns) is None:
            what = f"decided: {decided.decision} (time not known)"
            yield _Line(at_ns=at_ns, who=decided.participant, what=what)
    for pending in ledger.pending.get(tx, ()):
        yield _Line(at_ns=at_ns, who=pending.participant, what="still has it open")
    yield from _unfinished(ledger, tx, at_ns)
    operation = ledger.operations.get(tx)
    if operation is not None and operation.told is not operation.outcome:
        words = f"asked now what became of it: {operation.told.value}"
        yield _Line(at_ns=at_ns, who=SYSTEM, what=words)


def _unfinished(ledger: Ledger, tx: str, at_ns: int) -> Iterator[_Line]:
    if not ledger.has_observations:
        return
    said = {row.participant for row in ledger.rows.get(tx, ())}
    prepared = {row.participant for row in ledger.prepared.get(tx, ())}
    for name in sorted(prepared):
        yield _Line(at_ns=at_ns, who=name, what=prepared_words(ledger, tx))
    for name in ledger.expected.get(tx, {}):
        if name not in said | prepared:
            yield _Line(at_ns=at_ns, who=name, what="has no effect of it")


def _cut(lines: Sequence[_Line]) -> Iterable[_Line]:
    """Leave out the middle of a story that is too long: of the log lines, if that is enough."""
    surplus = len(lines) - MAX_LINES + 1
    if surplus <= 1:
        return lines
    logged = [index for index, line in enumerate(lines) if line.is_log]
    of_logs = len(logged) >= surplus
    candidates = logged if of_logs else list(range(len(lines)))
    first = (len(candidates) - surplus) // 2
    dropped = set(candidates[first : first + surplus])
    at = min(dropped)
    mark = _Line(
        at_ns=lines[at].at_ns,
        who=HARNESS,
        what=f"({count(surplus, 'log line' if of_logs else 'line')} left out here)",
    )
    return [
        mark if index == at else line
        for index, line in enumerate(lines)
        if index == at or index not in dropped
    ]


def _shortened(text: str) -> str:
    return text if len(text) <= MAX_WIDTH else f"{text[: MAX_WIDTH - 4]} ..."
