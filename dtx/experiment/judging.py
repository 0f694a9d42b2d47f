"""Judging a run folder, right after its run or years later: offline, from the folder alone."""

from pathlib import Path

from dtx.config.model import System
from dtx.config.place import Place
from dtx.config.system import parse_system
from dtx.config.toml_file import require_plain
from dtx.core.run_folder import Plan, RunFolder
from dtx.core.verdict import Verdict
from dtx.verify.folder import judge_folder


def judge_run(path: Path) -> Verdict:
    """Judge the run folder and write its verdict.json.

    Raises:
        RecordError, ConfigError: the folder can't be read, or is damaged or newer than this dtx.
        StorageError: the verdict can't be written.
    """
    verdict = judge_recorded(path)
    RunFolder(path).write_verdict(verdict)
    return verdict


def judge_recorded(path: Path) -> Verdict:
    """Judge the run folder and write nothing.

    Raises:
        RecordError, ConfigError: the folder can't be read, or is damaged or newer than this dtx.
    """
    return judge_folder(RunFolder(path), planned_system)


def planned_system(plan: Plan) -> System:
    """Return the system as the plan holds it; its files need not exist any more.

    Raises:
        ConfigError: the plan holds no system, since it is damaged.
    """
    require_plain(plan.system, Place("plan.json", ("system",)))
    return parse_system(
        plan.system,
        name=plan.system_name,
        folder=Path("/"),
        source="plan.json",
        workload=plan.workload,
    )
