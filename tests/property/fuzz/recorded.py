"""A small run as it lies on disk, with every kind of entry and row in it."""

import shutil
from pathlib import Path

import msgspec

from dtx.config.loader import load_system
from dtx.core.history import Accepted, Outcome, ProcessChange
from dtx.core.run_folder import RunFolder
from dtx.core.schedule import Omission, Proof, Step
from dtx.experiment.judging import judge_run
from tests.support.histories import (
    KILLED_NODE,
    LINK_EVIDENCE,
    PAYMENTS,
    RunBuilder,
    make_plan,
    mono,
)
from tests.unit.config.sample import write


def record(folder: Path) -> RunFolder:
    """Write the run folder, judged; its system is the sample of the configuration's tests."""
    run = RunBuilder()
    for number in range(8):
        run.commit(f"t{number:06d}", 0.5 + number)
    run.refuse("t000008", 3.0)
    run.lose("t000009")
    run.submit("t000010", 4.0)
    run.history.append(Accepted(at_ns=mono(4.1), tx="t000010", process=0, status=202))
    run.leave_open("t000010")
    run.submit("t000011", 5.0)
    run.applied("t000011", PAYMENTS, 5.1)
    run.answer("t000011", Outcome.OK, 5.2)
    for proof, evidence in LINK_EVIDENCE.items():
        run.fault(proof, links=(evidence,))
    run.fault(Proof.DEATH, nodes=(KILLED_NODE,))
    run.process("payments", ProcessChange.DIED, 6.0, "ended with exit status 1")
    run.omitted = (Omission(fault="kill", at_s=1.0, until_s=2.0, chance=0.5),)
    run.windows[0] = msgspec.structs.replace(run.windows[0], steps=(Step(at_s=0.0, value=1),))
    folder.parent.mkdir(parents=True, exist_ok=True)
    shop = write(folder.parent)
    tables = dict(load_system(shop).tables)
    shutil.rmtree(shop)
    plan = msgspec.structs.replace(make_plan(run.windows, run.omitted), system=tables)
    made = RunFolder.create(folder)
    made.write_plan(plan)
    writer = made.history()
    for entry in run.entries():
        writer.append(entry)
    writer.close()
    observations = run.observations()
    assert observations is not None
    made.write_observations(observations)
    lines = [f"{mono(1 + n)} tx=t{n:06d} debit of {n}" for n in range(6)]
    (made.logs / "orders.log").write_text("\n".join(lines) + "\n")
    (made.logs / "payments.log").write_bytes(b"%d t000011 \xff\n" % mono(5.1))
    judge_run(folder)
    return made
