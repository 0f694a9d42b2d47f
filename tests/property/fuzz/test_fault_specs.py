"""Whatever stands behind --fault or in a schedule's file, there is a plan that can be saved and read again, or a clear error."""

import random
from pathlib import Path

import pytest

from dtx.chaos.describe import describe
from dtx.chaos.faults import SUMMARIES
from dtx.chaos.plan import parse_schedule
from dtx.chaos.schedule_file import schedule_toml
from dtx.config.find import find_system
from dtx.config.loader import load_system
from dtx.config.model import System
from dtx.core.errors import ConfigError, UsageError
from tests.property.fuzz.answers import answer, inputs
from tests.property.fuzz.mutations import PIECES, mutated_text

INPUTS = 4000
THROUGH_THE_COMMAND = 40

NAMES = (*SUMMARIES, "random", "file:schedule.toml", "nonsense", "", "Partition", "none")
ARGUMENTS = (
    "hard", "100", "100B", "2KB", "200ms", "2s", "0", "-1", "99999999999999999999", "1e9", "nan", "after-debit",
    "after-reply-debit", "accounts", "stock", "", "x", "1s/2s", "100ms-200ms", "partition", "slow", "10s", "orders", "\u0662",
    "9" * 5000,
)  # fmt: skip
SCOPES = (
    "*", "orders", "payments", "payments-db", "coordinator", "databases", "workers", "brokers", "orders->payments",
    "payments->orders", "*->payments", "orders->*", "*->*", "client->orders", "client->*", "->", "orders->", "x", "", "@", "orders->x",
)  # fmt: skip
TIMES = (
    "2s", "500ms", "0", "0.1", "9.99", "10s", "10.0001s", "1e3", "-1s", "nan", "inf", "", "99999999999", ".5s", "5.", "\u0665s", "0ms",
    "9" * 400, "0.000001s",
)  # fmt: skip
CHANCES = ("0.5", "1", "0", "1.0001", "-1", "nan", "", "1e-3", "0.0000001", "\u0661")


def spec(rng: random.Random) -> str:
    """Return a fault of the grammar, or nearly one."""
    text = rng.choice(NAMES)
    if rng.random() < 0.5:
        text += f":{rng.choice(ARGUMENTS)}"
    if rng.random() < 0.6:
        text += f"@{rng.choice(SCOPES)}"
    for key in ("at", "for", "every"):
        if rng.random() < 0.35:
            text += f",{key}={rng.choice(TIMES)}"
    if rng.random() < 0.2:
        text += f",p={rng.choice(CHANCES)}"
    return text


def specs(rng: random.Random) -> str:
    """Return one or more faults, some of them mutated."""
    text = "+".join(spec(rng) for _ in range(rng.choice((1, 1, 1, 2, 3))))
    kind = rng.random()
    if kind < 0.3:
        return mutated_text(text, rng)
    if kind < 0.35:
        return "".join(rng.choice(PIECES) for _ in range(rng.randint(0, 12)))
    return text


@pytest.fixture(scope="module")
def system() -> System:
    return load_system(find_system("saga"))


def plan(system: System, text: str, rng: random.Random, folder: Path) -> None:
    """Plan it; a plan can be described, and saved as a file that means the same."""
    duration_s = rng.choice((0.1, 1.0, 3.0, 10.0, 10.0, 600.0))
    seed = rng.choice((0, 1, 7, -1, 10**30))
    try:
        schedule = parse_schedule([text], system, seed=seed, duration_s=duration_s)
    except (UsageError, ConfigError):
        return
    for window in schedule.windows:
        assert 0 <= window.at_s < window.until_s <= duration_s
        assert describe(window)
    if schedule.windows:
        saved = folder / "saved.toml"
        saved.write_text(schedule_toml(schedule, made_by="a test"))
        again = parse_schedule([f"file:{saved}"], system, seed=5, duration_s=duration_s)
        assert [w.targets for w in again.windows] == [w.targets for w in schedule.windows]


def test_fault_is_planned_or_refused_with_a_clear_error(
    system: System, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    file = Path("schedule.toml")
    text = (
        '[[faults]]\nfault = "kill"\nscope = "workers"\nat = 1\nfor = "1s"\nevery = "3s"\np = 0.5\n'
    )
    saved = parse_schedule(["random"], system, seed=3, duration_s=10.0)
    files = (text, schedule_toml(saved, made_by="a test"))
    for number in inputs(INPUTS):
        rng = random.Random(f"fault {number}")
        is_file = rng.random() < 0.25
        fault = "file:schedule.toml" if is_file else specs(rng)
        content = mutated_text(rng.choice(files), rng) if is_file else text
        file.write_text(content, errors="replace")
        try:
            if number % THROUGH_THE_COMMAND or "\0" in fault:
                plan(system, fault, rng, tmp_path)
            else:
                answer(["run", "saga", "--plan", "--runtime", "local", f"--fault={fault}"])
        except Exception as error:
            error.add_note(f"input {number}: {fault!r} {content if is_file else ''}")
            raise
