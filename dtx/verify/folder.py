"""Judges a run folder: the one place of `verify` that reads files."""

from collections.abc import Callable

from dtx.config.model import System
from dtx.core.run_folder import Plan, RunFolder
from dtx.core.verdict import Verdict
from dtx.verify.judge import judge


def judge_folder(folder: RunFolder, parse: Callable[[Plan], System]) -> Verdict:
    """Read everything that a run recorded and judge it; writes nothing.

    `parse` reads the system again from `plan.system`.

    Raises:
        RecordError: the folder can't be read.
    """
    plan = folder.read_plan()
    system = parse(plan)
    return judge(
        plan,
        system,
        folder.read_history(),
        folder.read_observations(),
        {worker: folder.log_lines(worker) for worker in system.workers},
    )
