"""What runs beside a service: from when it is entered until it is left, and no defect of it goes unsaid."""

import asyncio

import pytest

from dtx.patterns.common.background import Background
from tests.unit.patterns.instant_loop import run_instantly


class Ticking(Background):
    """Counts seconds."""

    def __init__(self) -> None:
        self.ticks = 0

    async def run(self) -> None:
        """Count for ever."""
        while True:
            await asyncio.sleep(1)
            self.ticks += 1


class Failing(Background):
    """Has a defect."""

    async def run(self) -> None:
        """Fail."""
        raise LookupError("not thought of")


def test_background_runs_while_entered_and_not_after() -> None:
    async def main() -> tuple[int, int]:
        ticking = Ticking()
        async with ticking:
            await asyncio.sleep(3.5)
            while_entered = ticking.ticks
        await asyncio.sleep(5)
        return while_entered, ticking.ticks

    assert run_instantly(main()) == (3, 3)


def test_defect_in_the_background_is_logged_and_the_service_goes_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def main() -> str:
        async with Failing():
            await asyncio.sleep(1)
            return "served"

    assert run_instantly(main()) == "served"
    assert [record.message for record in caplog.records] == ["Failing ended by a defect"]


def test_stopping_is_no_defect(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        async with Ticking():
            await asyncio.sleep(1)
        await asyncio.sleep(0)

    run_instantly(main())
    assert caplog.records == []
