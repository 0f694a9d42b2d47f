"""What one experiment is asked to do, before anything is looked up."""

from dataclasses import dataclass, field
from pathlib import Path

from dtx.config.model import Selection
from dtx.targets.provision import RuntimeName

DEFAULT_RATE = 50.0
DEFAULT_DURATION_S = 10.0
NO_FAULT = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExperimentSettings:
    """One experiment.

    Attributes:
        system: a built-in system's name or a path to a folder with system.toml, as the user wrote it.
        selection: workload, options, variant.
        faults: fault texts of the grammar; several are joined.
        seed: of the schedule and of the transactions' fields.
        rate: transactions offered a second.
        duration_s: length of the main phase.
        runtime: auto, docker or local.
        out: the folder below which run folders are made.
    """

    system: str
    selection: Selection = field(default_factory=Selection)
    faults: tuple[str, ...] = (NO_FAULT,)
    seed: int
    rate: float = DEFAULT_RATE
    duration_s: float = DEFAULT_DURATION_S
    runtime: RuntimeName = RuntimeName.AUTO
    out: Path = Path(".dtx/runs")

    def command(self) -> tuple[str, ...]:
        """Return the command that repeats this experiment."""
        words = ["dtx", "run", self.system]
        for fault in self.faults:
            words += ["--fault", fault]
        words += ["--seed", str(self.seed)]
        if self.rate != DEFAULT_RATE:
            words += ["--rate", f"{self.rate:g}"]
        if self.duration_s != DEFAULT_DURATION_S:
            words += ["--duration", f"{self.duration_s:g}"]
        if self.selection.workload:
            words += ["--workload", self.selection.workload]
        for name, value in self.selection.options.items():
            words += [f"--{name}", value]
        if self.selection.variant:
            words += ["--variant", self.selection.variant]
        if self.runtime is not RuntimeName.AUTO:
            words += ["--runtime", self.runtime.value]
        return tuple(words)
