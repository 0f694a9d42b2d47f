"""Who waited for whom: how many waits for locks were seen, and each deadlock by name, with what broke it."""

from collections.abc import Iterator

from rich.padding import Padding
from rich.text import Text

from dtx.core.verdict import Deadlock, Verdict, WaitedFor, WaitingSummary
from dtx.report import colours
from dtx.report.wording import clean, count


def deadlock_lines(verdict: Verdict) -> Iterator[Text | Padding]:
    """Yield what was seen of waits and deadlocks; nothing for a system whose databases do not say who waits."""
    waiting = verdict.waiting
    if waiting is None:
        return
    yield Text("Who waited for whom", style=colours.HEADING)
    yield _indented(in_short(waiting), 2)
    of_faults = sum(window.waiters for window in verdict.coverage)
    if of_faults:
        words = f"{count(of_faults, 'session')} waited for rows that a fault had locked, which counts as none of these."
        yield _indented(words, 2)
    for deadlock in waiting.shown:
        yield from _told(deadlock)
    more = waiting.deadlocks - len(waiting.shown)
    if more > 0:
        yield _indented(f"and {more:,} more", 2)


def in_short(waiting: WaitingSummary) -> str:
    """Return it in a sentence or two."""
    if not waiting.waits:
        return "No transaction was seen to wait for another one; no deadlock."
    waits = f"{count(waiting.waits, 'wait')} for locks"
    longest = f", the longest {waiting.longest_s:.2f} s"
    if not waiting.deadlocks:
        return f"{waits}{longest}; no deadlock."
    unbroken = f"; {waiting.unbroken:,} never broken" if waiting.unbroken else ""
    return (
        f"{waits}{longest}; {count(waiting.deadlocks, 'deadlock')} {_where(waiting)}, the longest"
        f" {waiting.longest_deadlock_s:.2f} s{unbroken}. Of {count(waiting.transactions, 'transaction')}"
        f" in them {waiting.lost:,} did not commit."
    )


def _where(waiting: WaitingSummary) -> str:
    if not waiting.unseen_by_servers:
        return "inside one database each"
    if waiting.unseen_by_servers == waiting.deadlocks:
        return "over several databases, where no server sees it"
    return f"({waiting.unseen_by_servers:,} over several databases, where no server sees it)"


def _told(deadlock: Deadlock) -> Iterator[Padding]:
    yield _indented(f"at {deadlock.at_s:.2f} s, for {deadlock.lasted_s:.2f} s or longer:", 2)
    for wait in deadlock.waits:
        yield _indented(_wait(wait), 4)
    if not deadlock.is_broken:
        yield _indented("nothing broke it", 4)
    elif deadlock.first_word is not None:
        word = deadlock.first_word
        yield _indented(f"then, at {word.at_s:.2f} s, {word.who} said: {word.what}", 4)
    ended = "; ".join(f"{tx} {end}" for tx, end in deadlock.ended.items())
    yield _indented(ended, 4)


def _wait(wait: WaitedFor) -> str:
    what = f" ({wait.what})" if wait.what else ""
    return f"{wait.waiter} waited for {wait.holder} in {wait.database}{what}"


def _indented(words: str, columns: int) -> Padding:
    return Padding(Text(clean(words)), (0, 0, 0, columns))
