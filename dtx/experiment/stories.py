"""The story of any transaction of a recorded run, convicted or not."""

from dtx.config.place import nearest
from dtx.core.errors import UsageError
from dtx.core.run_folder import RunFolder
from dtx.core.verdict import StoryLine
from dtx.experiment.judging import planned_system
from dtx.verify.ledger import build_ledger
from dtx.verify.story import tell_stories


def story_of(folder: RunFolder, tx: str) -> tuple[StoryLine, ...]:
    """Return what client, workers, databases and faults did for `tx`, in time order.

    Raises:
        RecordError: the folder can't be read.
        UsageError: the run has no such transaction.
    """
    plan = folder.read_plan()
    system = planned_system(plan)
    ledger = build_ledger(plan, system, folder.read_history(), folder.read_observations())
    if tx not in ledger.operations and tx not in ledger.rows:
        near = nearest(tx, ledger.operations, likeness=0.5)
        raise UsageError(
            f"{folder.path} has no transaction {tx!r} among its {len(ledger.operations)}",
            hint=f"did you mean {near}?" if near else "history.jsonl names them all",
        )
    logs = {worker: folder.log_lines(worker) for worker in system.workers}
    return tell_stories(ledger, logs, [tx])[tx]
