"""Judging a run folder, right after its run or years later: offline, from the folder alone."""

from pathlib import Path

from dtx.config.model import System
from dtx.config.system import parse_system
from dtx.core.run_folder import Plan, RunFolder
from dtx.core.verdict import Verdict
from dtx.verify.folder import judge_folder


def judge_run(path: Path) -> Verdict:
    """Judge the run folder and write its verdict.json.

    Raises:
        RecordError: the folder can't be read, or is damaged or newer than this dtx.
    """
    folder = RunFolder(path)
    verdict = judge_folder(folder, planned_system)
    folder.write_verdict(verdict)
    return verdict


def planned_system(plan: Plan) -> System:
    """Return the system as the plan holds it; its files need not exist any more."""
    return parse_system(
        plan.system,
        name=plan.system_name,
        folder=Path("/"),
        source="plan.json",
        workload=plan.workload,
    )
