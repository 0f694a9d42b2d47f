"""Independent slow steps at the same time."""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")

LOOK_EVERY_S = 0.1
"""A signal that another thread received does not wake the main thread: who waits for ever would never heed it."""


def each(
    action: Callable[[T], R], things: Iterable[T], *, cut_short: Callable[[], None] = lambda: None
) -> list[R]:
    """Apply `action` to all things in threads; return results in order.

    All are waited for, then the first error in order is raised: nothing goes on behind the caller's back.

    Args:
        action: for one thing.
        things: all of them.
        cut_short: what makes actions fail soon that could take long, once the user wants to end. It is called until
            all have ended, for one may only begin what is to be cut short.
    """
    wanted: Sequence[T] = tuple(things)
    if not wanted:
        return []
    futures: list[Future[R]] = []
    with ThreadPoolExecutor(max_workers=len(wanted), thread_name_prefix="dtx-side") as pool:
        try:
            futures.extend(pool.submit(action, thing) for thing in wanted)
            while wait(futures, timeout=LOOK_EVERY_S).not_done:
                continue
            return [future.result() for future in futures]
        except KeyboardInterrupt:
            while futures and wait(futures, timeout=LOOK_EVERY_S).not_done:
                cut_short()
            raise
