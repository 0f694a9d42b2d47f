"""`dtx doctor` and `dtx clean` say what was found, and answer with the right code."""

import json
from pathlib import Path

import pytest

from dtx.core.exit_codes import ExitCode
from dtx.targets import doctor, housekeeping
from dtx.targets.doctor import Diagnosis, usable_runtimes
from dtx.targets.housekeeping import Leftovers
from tests.unit.cli.conftest import Dtx


def diagnosis(name: str, *needed_by: str, is_usable: bool, is_optional: bool = False) -> Diagnosis:
    return Diagnosis(
        name=name,
        is_usable=is_usable,
        found="what was found",
        remedy="" if is_usable else "apt-get install it",
        needed_by=needed_by,
        is_optional=is_optional,
    )


@pytest.mark.parametrize(
    ("local", "docker", "usable", "code"),
    [
        (True, True, ["docker", "local"], ExitCode.HOLDS),
        (True, False, ["local"], ExitCode.HOLDS),
        (False, True, ["docker"], ExitCode.HOLDS),
        (False, False, [], ExitCode.ENVIRONMENT),
    ],
)
def test_doctor_needs_one_usable_runtime(
    dtx: Dtx,
    monkeypatch: pytest.MonkeyPatch,
    local: bool,
    docker: bool,
    usable: list[str],
    code: ExitCode,
) -> None:
    found = (
        diagnosis("binaries", "local", is_usable=local),
        diagnosis("engine", "docker", is_usable=docker),
        diagnosis("disk", "local", "docker", is_usable=True),
    )
    monkeypatch.setattr(doctor, "diagnose", lambda: found)
    answer = dtx("doctor", "--json")
    assert answer.code is code
    assert json.loads(answer.out)["runtimes"] == usable
    text = dtx("doctor").out
    assert ("apt-get install it" in text) == (not (local and docker))


def test_what_only_some_systems_need_names_its_runtime_and_keeps_none_from_use(
    dtx: Dtx, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = (diagnosis("MariaDB", "local", is_usable=False, is_optional=True),)
    assert usable_runtimes(found) == ("docker", "local")
    monkeypatch.setattr(doctor, "diagnose", lambda: found)
    assert "local, optional" in dtx("doctor").out
    [part] = json.loads(dtx("doctor", "--json").out)["parts"]
    assert (part["needed_by"], part["optional"]) == (["local"], True)


def test_every_part_is_for_a_runtime() -> None:
    parts = doctor.diagnose()
    assert [part.name for part in parts if not part.needed_by] == []
    optional = {part.name for part in parts if part.is_optional} - {"image for mariadb"}
    assert optional == {"MariaDB binaries, for systems with MariaDB", "C compiler, for power-loss"}


def test_what_both_runtimes_need_makes_both_unusable() -> None:
    both = diagnosis("counters", "local", "docker", is_usable=False)
    assert usable_runtimes((both, diagnosis("engine", "docker", is_usable=True))) == ()


def test_clean_prints_what_went_and_answers_4_if_something_would_not(
    dtx: Dtx, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = Leftovers(processes={}, folders=(Path("x"),), docker_runs=(), docker_socket="/s")
    monkeypatch.setattr(housekeeping, "leftovers", lambda: found)
    monkeypatch.setattr(housekeeping, "clean", lambda left: ["removed folder x"])
    answer = dtx("clean")
    assert (answer.code, answer.out) == (ExitCode.HOLDS, "removed folder x\n")
    monkeypatch.setattr(housekeeping, "clean", lambda left: ["could not remove folder x"])
    assert dtx("clean").code is ExitCode.ENVIRONMENT
