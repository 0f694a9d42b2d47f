"""One door: the system that the docs tell a reader to copy, from a folder that dtx never saw, is judged like a built-in one."""

from pathlib import Path

import pytest

from dtx.core.verdict import Status
from dtx.targets.provision import RuntimeName
from tests.support.runs import open_session, run_until_convicted, run_until_landed, settings_for
from tests.unit.docs.test_own_system import copied

pytestmark = pytest.mark.local
FAULT = "lose-reply@shop->ledger"


@pytest.mark.parametrize(
    ("variant", "fault", "status", "violated"),
    [
        (None, FAULT, Status.HOLDS, ()),
        ("forgetful", FAULT, Status.VIOLATED, ("conservation", "exactly-once")),
        ("boastful", "none", Status.VIOLATED, ("isolation",)),
    ],
)
def test_system_of_the_docs_holds_and_its_planted_bugs_are_convicted(
    tmp_path: Path, variant: str | None, fault: str, status: Status, violated: tuple[str, ...]
) -> None:
    folder = tmp_path / "checkout"
    folder.mkdir()
    tries = [
        settings_for(
            system=str(copied(folder)),
            fault=fault,
            seed=seed,
            out=tmp_path / "runs",
            runtime=RuntimeName.LOCAL,
            variant=variant,
            rate=20,
        )
        for seed in (1, 2, 3)
    ]
    with open_session(tries[0]) as session:
        run_until = run_until_convicted if violated else run_until_landed
        verdict = run_until(session, tries).verdict
    assert verdict.status is status, verdict.reasons
    assert verdict.violated_checkers == violated
    (audit,) = verdict.readers
    assert (audit.dirty, audit.went_back, audit.is_joined) == (0, 0, True)
    assert audit.reads > 0
