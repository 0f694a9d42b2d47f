"""A system with MariaDB on a machine that has none: what is chosen, and what is said."""

import sys
from pathlib import Path

import pytest

from tests.support.commands import complaint, dtx

pytestmark = pytest.mark.local

NO_ENGINE = {"DOCKER_HOST": "unix:///nowhere/docker.sock"}


@pytest.fixture
def bare(tmp_path: Path) -> dict[str, str]:
    """An environment in which Python is found, and MariaDB nowhere, not where packages put it either."""
    site = tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(
        "from dtx.targets.local import mariadb_binaries\nmariadb_binaries._FOLDERS = ()\n"
    )
    return {"PATH": str(Path(sys.executable).parent), "PYTHONPATH": str(site)}


@pytest.mark.parametrize("runtime", ["local", "auto"])
def test_without_an_engine_too_it_is_said_what_to_install_and_what_else_one_may_do(
    tmp_path: Path, bare: dict[str, str], runtime: str
) -> None:
    done = dtx("run", "2pc", "--runtime", runtime, cwd=tmp_path, env=bare | NO_ENGINE)
    assert done.returncode == 4
    said = complaint(done)
    assert said.startswith("dtx: no mariadbd and mariadb-install-db on this machine\n")
    assert "apt-get install --no-install-recommends mariadb-server" in said
    assert "start a Docker engine, and take --runtime docker" in said
    assert ("runtime local: no Docker here: " in done.stderr) is (runtime == "auto")


def test_folder_without_its_programs_is_named(tmp_path: Path) -> None:
    env = {"DTX_MARIADB_BIN": "/nowhere"}
    done = dtx("run", "2pc", "--runtime", "local", cwd=tmp_path, env=env)
    assert done.returncode == 4
    assert "no mariadbd and mariadb-install-db in /nowhere (DTX_MARIADB_BIN)" in complaint(done)


@pytest.mark.docker
def test_with_an_engine_auto_takes_it(tmp_path: Path, bare: dict[str, str]) -> None:
    words = ("--fault", "none", "--rate", "10", "--duration", "1")
    done = dtx("run", "2pc", "--runtime", "auto", *words, cwd=tmp_path, env=bare)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "runtime docker: an engine with the images answers" in done.stderr
    assert "mariadb 10." in done.stdout
