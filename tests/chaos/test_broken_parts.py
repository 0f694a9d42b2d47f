"""Parts that the environment names and that are none: what, where, what to do, exit code 4."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from dtx.targets.cache import cache_folder
from dtx.targets.docker.engine import connect
from dtx.targets.docker.images import TOXIPROXY, resolve_image
from dtx.targets.proxies.toxiproxy_binary import toxiproxy_binary
from tests.support.commands import complaint, dtx
from tests.support.leftovers import left_of_local_run
from tests.support.till_system import write_till


def run(place: Path, runtime: str, env: Mapping[str, str]) -> str:
    """Run a system, which must fail for want of a part; nothing of it may be left. Return the complaint."""
    write_till(place / "till")
    done = dtx(
        "run", "./till", "--runtime", runtime, "--duration", "1", "--out", "runs",
        cwd=place, env=env,
    )  # fmt: skip
    said = complaint(done)
    assert done.returncode == 4, said
    assert done.stdout == ""
    assert not left_of_local_run(place)
    return said


def program(path: Path, text: str) -> Path:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


@pytest.mark.local
@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "is not an executable file"),
        ("exit 0", "Toxiproxy died at start: it wrote nothing"),
        ("echo no toxics here; exit 1", "Toxiproxy died at start: no toxics here"),
    ],
)
def test_toxiproxy_that_is_none(place: Path, text: str | None, said: str) -> None:
    file = place / "toxiproxy"
    if text is not None:
        program(file, text)
    complained = run(place, "local", {"DTX_TOXIPROXY": str(file)})
    assert said in complained
    assert "DTX_TOXIPROXY" in complained
    assert "hint: " in complained


@pytest.mark.local
@pytest.mark.parametrize(
    ("postgres", "said"),
    [
        (None, "no postgres and initdb in"),
        ("echo hello", "is not PostgreSQL: --version said 'hello\\n'"),
        ("exit 7", "failed with status 7"),
        ('echo "postgres (PostgreSQL) 99.9"', "made no cluster"),
    ],
)
def test_postgres_that_is_none(place: Path, postgres: str | None, said: str) -> None:
    folder = place / "bin"
    folder.mkdir()
    if postgres is not None:
        program(folder / "postgres", postgres)
        program(folder / "initdb", "exit 0")
    given = {
        "DTX_POSTGRES_BIN": str(folder),
        "DTX_CACHE_DIR": str(place / "cache"),
        "DTX_TOXIPROXY": str(toxiproxy_binary(cache_folder())),
    }
    complained = run(place, "local", given)
    assert said in complained
    assert str(folder) in complained
    assert (
        "hint: DTX_POSTGRES_BIN must name a folder with PostgreSQL's server programs" in complained
    )


@pytest.mark.local
@pytest.mark.parametrize("cache", ["/dev/null/x", "/proc/x", "/sys", "file"])
def test_cache_that_cannot_be_written(place: Path, cache: str) -> None:
    (place / "file").touch()
    complained = run(place, "local", {"DTX_CACHE_DIR": cache})
    assert (
        f"can't make the cache folder {place / cache}" in complained
        or f"can't make {cache}" in complained
    )
    assert "set DTX_CACHE_DIR to a folder that can be written" in complained


@pytest.mark.parametrize(
    ("host", "said"),
    [
        ("unix:///nonexistent/docker.sock", "no Docker engine answers at /nonexistent/docker.sock"),
        ("unix:///etc/passwd", "no Docker engine answers at /etc/passwd"),
        ("tcp://192.0.2.1:2375", "DOCKER_HOST=tcp://192.0.2.1:2375 is a remote engine"),
        ("ssh://nobody@nowhere", "DOCKER_HOST=ssh://nobody@nowhere is a remote engine"),
        ("rubbish", "DOCKER_HOST=rubbish is a remote engine"),
    ],
)
def test_engine_that_is_not_on_this_machine(place: Path, host: str, said: str) -> None:
    complained = run(place, "docker", {"DOCKER_HOST": host})
    assert said in complained
    assert "or take --runtime local" in complained
    assert not (place / "runs").exists(), "nothing was begun"


@pytest.mark.docker
@pytest.mark.parametrize(
    ("image", "said"),
    [
        ("localhost:1/nonsense:1", "localhost:1/nonsense:1 is not here and can't be pulled"),
        ("In Valid::", "can't look for the image In Valid::"),
        ("Upper", "repository name must be lowercase"),
    ],
)
def test_image_that_cannot_be_had(place: Path, image: str, said: str) -> None:
    complained = run(place, "docker", {"DTX_IMAGE_POSTGRES": image})
    assert said in complained
    assert "hint: check DTX_IMAGE_POSTGRES; unset, dtx takes " in complained


@pytest.mark.docker
def test_image_without_binaries(place: Path) -> None:
    image = resolve_image(connect(), TOXIPROXY).name
    complained = run(place, "docker", {"DTX_IMAGE_POSTGRES": image})
    assert f"no PostgreSQL server found in the image {image}" in complained
    assert "DTX_IMAGE_POSTGRES names another" in complained
