"""Many experiments: what is run, what came out, and the tables made of it."""

import msgspec

from dtx.core.exit_codes import ExitCode
from dtx.core.verdict import Status


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """What is tried: a system, with another workload than its base if one is named, or broken on purpose."""

    system: str
    workload: str | None = None
    variant: str | None = None

    @property
    def subject(self) -> tuple[str, str | None, str | None]:
        """The three, to group by."""
        return self.system, self.workload, self.variant

    @property
    def subject_name(self) -> str:
        """The three in words: `saga`, `saga credit`, `saga transfer/claims-isolation`."""
        workload = f" {self.workload}" if self.workload else ""
        variant = f"/{self.variant}" if self.variant else ""
        return f"{self.system}{workload}{variant}"

    def cell(self, fault: str, seed: int) -> "Cell":
        """Return one experiment with it."""
        return Cell(
            system=self.system,
            workload=self.workload,
            variant=self.variant,
            fault=fault,
            seed=seed,
        )


class Cell(Subject, frozen=True, kw_only=True):
    """One experiment of a campaign."""

    fault: str
    seed: int

    @property
    def name(self) -> str:
        """The cell in words: `saga/not-idempotent x lose-reply seed 3`."""
        return f"{self.subject_name} x {self.fault} seed {self.seed}"


class CellResult(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a cell.

    `status` is None when the experiment could not be run; `error` says why. `folder` is its run folder.
    """

    cell: Cell
    exit_code: ExitCode
    status: Status | None = None
    violated: tuple[str, ...] = ()
    has_landed: bool = False
    reasons: tuple[str, ...] = ()
    error: str = ""
    folder: str = ""
    took_s: float = 0.0


class Skipped(Subject, frozen=True, kw_only=True):
    """A fault that a system can't suffer; `reason` says why, in words."""

    fault: str
    reason: str


class MatrixRow(Subject, frozen=True, kw_only=True):
    """All seeds of one system under one fault."""

    fault: str
    cells: int
    landed: int
    holds: int
    violated: int
    unknown: int
    failed: int
    violated_checkers: tuple[str, ...] = ()
    median_s: float = 0.0


class SelftestRow(Subject, frozen=True, kw_only=True):
    """A variant or a reference under one fault: what was expected and how often it came.

    For a variant under the fault that exposes it `expected` are the checkers that must convict it, and `landed`
    the cells that count. Otherwise nothing may be accused.
    """

    fault: str
    expected: tuple[str, ...]
    cells: int
    landed: int
    as_expected: int
    is_passed: bool
    others: dict[str, int] = {}
    """What came instead -> how often."""


class CampaignStarted(msgspec.Struct, frozen=True, kw_only=True):
    """The cells are known, and what is skipped."""

    cells: tuple[Cell, ...]
    skipped: tuple[Skipped, ...] = ()


class CellStarted(msgspec.Struct, frozen=True, kw_only=True):
    """A cell begins; `number` counts from 1."""

    cell: Cell
    number: int


class CellFinished(msgspec.Struct, frozen=True, kw_only=True):
    """A cell has ended."""

    result: CellResult
    number: int


class MatrixFinished(msgspec.Struct, frozen=True, kw_only=True):
    """The whole matrix, or what had ended of it when it was interrupted.

    `exit_code` is the worst of its cells, unknown if there was none to run, and interrupted if it was.
    """

    rows: tuple[MatrixRow, ...]
    results: tuple[CellResult, ...]
    exit_code: ExitCode
    skipped: tuple[Skipped, ...] = ()
    is_interrupted: bool = False


class SelftestFinished(msgspec.Struct, frozen=True, kw_only=True):
    """The whole selftest: violated when a variant was missed or a reference accused.

    Or what had ended of it when it was interrupted: then it judges nothing, and has no row without a cell.
    """

    rows: tuple[SelftestRow, ...]
    results: tuple[CellResult, ...]
    exit_code: ExitCode
    is_interrupted: bool = False


CampaignEvent = CampaignStarted | CellStarted | CellFinished | MatrixFinished | SelftestFinished
