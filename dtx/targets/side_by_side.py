"""Independent slow steps at the same time."""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def each(action: Callable[[T], R], things: Iterable[T]) -> list[R]:
    """Apply `action` to all things in threads; return results in order.

    All are waited for, then the first error in order is raised: nothing goes on behind the caller's back.
    """
    wanted: Sequence[T] = tuple(things)
    if not wanted:
        return []
    with ThreadPoolExecutor(max_workers=len(wanted), thread_name_prefix="dtx-side") as pool:
        return [future.result() for future in [pool.submit(action, thing) for thing in wanted]]
