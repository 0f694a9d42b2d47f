"""The branches in doubt of a recorded run: at its worst moment, and at its end."""

from dataclasses import dataclass

from dtx.core.errors import UsageError
from dtx.core.observation import Shape
from dtx.core.run_folder import RunFolder
from dtx.core.verdict import BranchesAt
from dtx.experiment.judging import planned_system
from dtx.verify.in_doubt import branches_at_end, branches_at_worst
from dtx.verify.ledger import build_ledger


@dataclass(frozen=True, slots=True, kw_only=True)
class InDoubt:
    """What was in doubt: `worst` is None if no branch stayed so for long, `end` if the run did not come to its end.

    `logs` are the databases that were asked for decisions.
    """

    worst: BranchesAt | None
    end: BranchesAt | None
    logs: tuple[str, ...]


def in_doubt_in(folder: RunFolder) -> InDoubt:
    """Return the branches in doubt of a run.

    Raises:
        RecordError: the folder can't be read.
        UsageError: the run was recorded by a dtx that did not watch branches.
    """
    plan = folder.read_plan()
    system = planned_system(plan)
    observations = folder.read_observations()
    if observations is not None and Shape.DECISIONS not in folder.observed_shapes():
        raise UsageError(
            f"{folder.path} was recorded by a dtx that did not watch prepared branches",
            hint="run it again; `dtx show RUN` prints the command",
        )
    ledger = build_ledger(plan, system, folder.read_history(), observations)
    return InDoubt(
        worst=branches_at_worst(ledger),
        end=branches_at_end(ledger) if observations is not None else None,
        logs=tuple(
            name for name, each in system.databases.items() if Shape.DECISIONS in each.observe
        ),
    )
