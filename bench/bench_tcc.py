"""What try, confirm, cancel costs: its throughput, closed loop, beside its own SQL as plain local transactions (recorded.py)."""

from collections.abc import Iterator

import figures
from figures import Figure
from recorded import beside_its_sql


def measure() -> Iterator[Figure]:
    yield from beside_its_sql("tcc", "checkout")


if __name__ == "__main__":
    figures.main(measure, __doc__)
