"""Which engines are refused before anything is asked of them, and how image names are cut."""

import pytest

from dtx.core.errors import ProvisionError
from dtx.core.exit_codes import ExitCode
from dtx.targets.docker.engine import _refuse_foreign_loopback, connect, engine_answers
from dtx.targets.docker.images import _split


@pytest.mark.parametrize("host", ["tcp://10.0.0.1:2376", "ssh://build", "npipe:////./pipe/x"])
def test_remote_engine_is_refused_with_the_reason(
    host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", host)
    with pytest.raises(ProvisionError, match="is a remote engine") as raised:
        connect()
    assert host in raised.value.message
    assert raised.value.exit_code is ExitCode.ENVIRONMENT
    assert engine_answers() is None


def test_absent_socket_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nonexistent.sock")
    with pytest.raises(ProvisionError, match=r"no Docker engine answers at /nonexistent\.sock"):
        connect()


@pytest.mark.parametrize(
    "info",
    [
        {"OperatingSystem": "Docker Desktop", "SecurityOptions": []},
        {"OperatingSystem": "Debian", "SecurityOptions": ["name=seccomp", "name=rootless"]},
    ],
)
def test_engine_whose_host_network_is_another_is_refused(info: dict[str, object]) -> None:
    with pytest.raises(ProvisionError, match="host network is not this machine's"):
        _refuse_foreign_loopback(info)


def test_engine_of_this_machine_is_taken() -> None:
    _refuse_foreign_loopback({"OperatingSystem": "Debian", "SecurityOptions": ["name=seccomp"]})


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("postgres:17", ("postgres", "17")),
        ("postgres", ("postgres", "latest")),
        ("localhost:5000/a/b", ("localhost:5000/a/b", "latest")),
        ("localhost:5000/a/b:1", ("localhost:5000/a/b", "1")),
        ("a@sha256:00ff", ("a@sha256:00ff", None)),
    ],
)
def test_image_name_is_cut_at_its_tag(name: str, parts: tuple[str, str | None]) -> None:
    assert _split(name) == parts
