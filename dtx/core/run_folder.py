"""The run folder: everything that one run wrote down, and all that `verify` may read.

    plan.json               what was to be done: settings, schedule, the resolved system
    history.jsonl           operations, faults, processes, phases, as they happened
    observations/*.jsonl    one file for each shape, read once all was quiet
    observations/complete.json   written last: how many rows each file has
    verdict.json            the judgement
    logs/*.log              each line a worker wrote, behind its time on the monotonic clock in ns

Files are written as the run goes, so that a killed harness leaves a folder that can still be judged.
"""

import contextlib
import os
import stat
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from dtx.core.errors import RecordError, StorageError
from dtx.core.history import HistoryEntry
from dtx.core.observation import (
    DecisionRow,
    EffectRow,
    InvariantRow,
    OutcomeRow,
    PendingRow,
    PreparedRow,
    ResidueRow,
)
from dtx.core.schedule import Schedule
from dtx.core.verdict import Verdict

SCHEMA = 1
"""Major version of every file; a reader refuses a newer one."""

S = TypeVar("S", bound=msgspec.Struct)

_UNDECODABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
_HINT = "is this a run folder of dtx? `dtx list runs` names them"
_MOST_DIGITS = 19
"""Of a time in a log: more do not fit 64 bits."""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What a run set out to do.

    `system` holds the resolved tables of system.toml (overlays applied, passwords redacted), from which the
    contract is read again; `command` repeats the run; `versions` are those of dtx, Python and the servers.
    """

    schema: int
    run_id: str
    created: str
    command: tuple[str, ...]
    system_name: str
    variant: str | None
    workload: str | None
    options: dict[str, str]
    runtime: str
    seed: int
    rate: float
    duration_s: float
    schedule: Schedule
    versions: dict[str, str]
    system: dict[str, Any]


class Observations(msgspec.Struct, frozen=True, kw_only=True):
    """All rows read once quiet; `errors` are queries that failed, in words."""

    effects: tuple[EffectRow, ...] = ()
    pending: tuple[PendingRow, ...] = ()
    prepared: tuple[PreparedRow, ...] = ()
    decisions: tuple[DecisionRow, ...] = ()
    residue: tuple[ResidueRow, ...] = ()
    invariants: tuple[InvariantRow, ...] = ()
    outcomes: tuple[OutcomeRow, ...] = ()
    errors: tuple[str, ...] = ()


class _Complete(msgspec.Struct, frozen=True, kw_only=True):
    schema: int
    rows: dict[str, int]
    errors: tuple[str, ...]


_COMPLETE = "observations/complete.json"
_ROW_TYPES: dict[str, type[msgspec.Struct]] = {
    "effects": EffectRow,
    "pending": PendingRow,
    "prepared": PreparedRow,
    "decisions": DecisionRow,
    "residue": ResidueRow,
    "invariants": InvariantRow,
    "outcomes": OutcomeRow,
}


class RunFolder:
    """One run's files, to write and to read."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def create(cls, path: Path) -> "RunFolder":
        """Make an empty run folder; a name that is taken gets a number behind it.

        Raises:
            RecordError: the folder can't be made.
        """
        candidate, number = path, 1
        while True:
            try:
                candidate.mkdir(parents=True)
            except FileExistsError:
                number += 1
                candidate = path.with_name(f"{path.name}-{number}")
            except OSError as error:
                raise RecordError(
                    f"can't make the run folder {candidate}: {error.strerror or error}",
                    hint="give another place with --out DIR",
                ) from error
            else:
                folder = cls(candidate)
                with _writing(folder.logs):
                    folder.logs.mkdir()
                return folder

    @property
    def logs(self) -> Path:
        """The folder of the workers' logs."""
        return self.path / "logs"

    def write_plan(self, plan: Plan) -> None:
        """Write plan.json; this comes before anything is started.

        Raises:
            StorageError: it can't be written; so of everything that is written here.
        """
        self._write("plan.json", msgspec.json.format(msgspec.json.encode(plan)))

    def read_plan(self) -> Plan:
        """Read plan.json.

        Raises:
            RecordError: absent, damaged or newer.
        """
        return self._read("plan.json", Plan)

    def history(self) -> "HistoryWriter":
        """Open history.jsonl for appending."""
        return HistoryWriter(self.path / "history.jsonl")

    def read_history(self) -> tuple[HistoryEntry, ...]:
        """Read history.jsonl; a torn last line, as a killed harness leaves it, is left out.

        A run that ended before anything was started has no history yet: that is an empty one.

        Raises:
            RecordError: a line other than the last is damaged, or the file is lost.
        """
        if not os.path.lexists(self.path / "history.jsonl"):
            if os.path.lexists(self.path / _COMPLETE):
                raise RecordError(
                    f"{self.path / 'history.jsonl'}: missing, though the run came to its end",
                    hint="the folder was changed or copied in part; run it again",
                )
            return ()
        decoder: msgspec.json.Decoder[HistoryEntry] = msgspec.json.Decoder(HistoryEntry)
        return tuple(self._lines("history.jsonl", decoder, may_be_torn=True))

    def write_observations(self, observations: Observations) -> None:
        """Write every shape's file, then the mark that they are complete."""
        folder = self.path / "observations"
        encoder = msgspec.json.Encoder()
        rows: dict[str, int] = {}
        with _writing(folder):
            folder.mkdir(exist_ok=True)
            for shape in _ROW_TYPES:
                values = getattr(observations, shape)
                rows[shape] = len(values)
                (folder / f"{shape}.jsonl").write_bytes(encoder.encode_lines(values))
        complete = _Complete(schema=SCHEMA, rows=rows, errors=observations.errors)
        self._write(_COMPLETE, encoder.encode(complete))

    def read_observations(self) -> Observations | None:
        """Read the observations; None if the run ended before they were all read.

        Raises:
            RecordError: a file is damaged, newer, or has lost rows.
        """
        if not os.path.lexists(self.path / _COMPLETE):
            return None
        complete = self._read(_COMPLETE, _Complete)
        found: dict[str, Any] = {}
        for shape, row_type in _ROW_TYPES.items():
            if shape not in complete.rows:
                continue
            decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(row_type)
            name = f"observations/{shape}.jsonl"
            rows = tuple(self._lines(name, decoder, may_be_torn=False))
            if len(rows) != complete.rows[shape]:
                raise RecordError(
                    f"{self.path / name}: {len(rows)} rows, but complete.json counted {complete.rows[shape]}",
                    hint="the folder was changed or copied in part; run it again",
                )
            found[shape] = rows
        return Observations(errors=complete.errors, **found)

    def observed_shapes(self) -> frozenset[str]:
        """Return the shapes whose rows were read, whether there were any or not; those that its dtx knew.

        Raises:
            RecordError: damaged or newer.
        """
        if not os.path.lexists(self.path / _COMPLETE):
            return frozenset()
        return frozenset(self._read(_COMPLETE, _Complete).rows)

    def write_verdict(self, verdict: Verdict) -> None:
        """Write verdict.json."""
        self._write("verdict.json", msgspec.json.format(msgspec.json.encode(verdict)))

    def read_verdict(self) -> Verdict | None:
        """Read verdict.json; None if the run was never judged.

        Raises:
            RecordError: damaged or newer.
        """
        if not os.path.lexists(self.path / "verdict.json"):
            return None
        return self._read("verdict.json", Verdict)

    def log_lines(self, worker: str) -> Iterator[tuple[int, str]]:
        """Yield what a worker wrote: (at_ns, line), undecodable bytes replaced.

        Raises:
            RecordError: the file can't be read.
        """
        path = self.logs / f"{worker}.log"
        if not os.path.lexists(path):
            return
        _require_file(path)
        with path.open(encoding="utf-8", errors="replace") as lines:
            for line in lines:
                at, _, text = line.rstrip("\n").partition(" ")
                if at.isascii() and at.isdigit() and len(at) <= _MOST_DIGITS:
                    yield int(at), text

    def _write(self, name: str, content: bytes) -> None:
        target = self.path / name
        partial = target.with_name(target.name + ".part")
        try:
            with _writing(target):
                partial.write_bytes(content + b"\n")
                partial.replace(target)
        except StorageError:
            with contextlib.suppress(OSError):
                partial.unlink()
            raise

    def _read(self, name: str, kind: type[S]) -> S:
        path = self.path / name
        content = _content(path)
        _refuse_newer(path, content)
        try:
            return msgspec.json.decode(content, type=kind)
        except _UNDECODABLE as error:
            raise RecordError(f"{path}: damaged: {error}") from error

    def _lines(
        self, name: str, decoder: "msgspec.json.Decoder[Any]", *, may_be_torn: bool
    ) -> Iterable[Any]:
        path = self.path / name
        lines = _content(path).split(b"\n")
        for number, line in enumerate(lines):
            if not line.strip():
                continue
            try:
                yield decoder.decode(line)
            except _UNDECODABLE as error:
                if may_be_torn and number == len(lines) - 1:
                    return  # it has no end: only the last write can be torn
                raise RecordError(f"{path}:{number + 1}: damaged line: {error}") from error


@contextlib.contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise _unwritable(path, error) from error


def _unwritable(path: Path, error: OSError) -> StorageError:
    return StorageError(
        f"{path}: can't be written: {error.strerror or error}",
        hint="make room there, or give another place with --out DIR",
    )


def _content(path: Path) -> bytes:
    _require_file(path)
    try:
        return path.read_bytes()
    except OSError as error:
        raise RecordError(f"{path}: {error.strerror}", hint=_HINT) from error


def _require_file(path: Path) -> None:
    """Refuse what is no plain file: a pipe would never end, nor would a device."""
    try:
        mode = path.stat().st_mode
    except OSError as error:
        raise RecordError(f"{path}: {error.strerror}", hint=_HINT) from error
    if not stat.S_ISREG(mode):
        raise RecordError(f"{path}: not a file", hint=_HINT)


def _refuse_newer(path: Path, content: bytes) -> None:
    try:
        head = msgspec.json.decode(content)
    except _UNDECODABLE as error:
        raise RecordError(f"{path}: not JSON: {error}") from error
    schema = head.get("schema") if isinstance(head, dict) else None
    if not isinstance(schema, int):
        raise RecordError(f"{path}: no schema version in it")
    if schema > SCHEMA:
        raise RecordError(
            f"{path}: schema {schema} is newer than this dtx reads ({SCHEMA})",
            hint="upgrade dtx",
        )


class HistoryWriter:
    """Appends entries, each in one write, so that a SIGKILL tears at most the last line."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with _writing(path):
            self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        self._encoder = msgspec.json.Encoder()
        self._lock = threading.Lock()
        self._is_open = True
        self._failure: StorageError | None = None

    def append(self, entry: HistoryEntry) -> None:
        """Write one entry; after `close` entries of late threads are dropped.

        Where it can't be written, nothing is any more: a history may lack its end, but nothing in between.
        `require_sound` then tells the one who leads the run; the threads of clients and faults go on, to heal.
        """
        line = self._encoder.encode(entry) + b"\n"
        with self._lock:
            if not self._is_open or self._failure:
                return
            try:
                while line:
                    line = line[os.write(self._file, line) :]
            except OSError as error:
                self._failure = _unwritable(self._path, error)

    def require_sound(self) -> None:
        """Go on only if everything so far has been written.

        Raises:
            StorageError: an entry could not be written; what was written before can be read.
        """
        if self._failure is not None:
            raise self._failure

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            if self._is_open:
                self._is_open = False
                os.close(self._file)
