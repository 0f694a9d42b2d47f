"""Pausing a container, against an engine that is a fake: who is signalled how, and when it is done."""

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import pytest
from docker.errors import APIError

from dtx.core.errors import ProvisionError
from dtx.targets.docker import server as docker_server
from dtx.targets.docker.engine import Engine
from dtx.targets.docker.server import DockerServer
from dtx.targets.runtime import Address


@dataclass
class Container:
    """Processes by their state; the engine's signal reaches the first, a shell inside all others."""

    states: list[str] = field(default_factory=lambda: ["Ss", "S", "Ssl", "Z"])
    is_running: bool = True
    obeys: bool = True
    forks: int = 0
    calls: list[str] = field(default_factory=list)

    def top(self, container: str, ps_args: str) -> dict[str, Any]:
        del container
        assert ps_args == "-eo pid,stat"
        if not self.is_running:
            raise APIError("conflict", explanation="Container 7 is not running")
        rows = [[str(pid), state] for pid, state in enumerate(self.states, 100)]
        if self.forks:
            self.forks -= 1
            self.states.append("S")
        return {"Titles": ["PID", "STAT"], "Processes": rows}

    def kill(self, container: str, signal: str) -> None:
        del container
        self.calls.append(signal)
        self._set(slice(0, 1), signal)

    def exec_create(self, container: str, cmd: list[str], user: str) -> dict[str, str]:
        del container
        self.calls.append(f"{user}: {' '.join(cmd)}")
        return {"Id": "STOP" if "STOP" in cmd[-1] else "CONT"}

    def exec_start(self, exec_id: str) -> bytes:
        self._set(slice(1, None), f"SIG{exec_id}")
        return b""

    def _set(self, which: slice, signal: str) -> None:
        if self.obeys:
            new = "T" if signal == "SIGSTOP" else "S"
            self.states[which] = [s if s == "Z" else new for s in self.states[which]]


def server_of(container: Container) -> DockerServer:
    engine = cast("Engine", SimpleNamespace(api=container))
    return DockerServer(engine, name="a-db", container="7", address=Address("127.0.0.1", 1))


def test_every_process_but_zombies_is_stopped_and_goes_on() -> None:
    container = Container()
    server = server_of(container)
    assert server.pause() == 3
    assert container.states == ["T", "T", "T", "Z"]
    assert container.calls == ["SIGSTOP", "0: sh -c kill -s STOP -- -1"]
    server.resume()
    assert container.states == ["S", "S", "S", "Z"]
    assert container.calls[2:] == ["SIGCONT", "0: sh -c kill -s CONT -- -1"]


def test_child_forked_behind_a_look_is_stopped_too() -> None:
    container = Container(states=["S", "S"], forks=2)
    assert server_of(container).pause() == 4
    assert set(container.states) == {"T"}


def test_process_that_does_not_obey_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(docker_server, "STOPPED_WITHIN_S", 0.01)
    with pytest.raises(ProvisionError, match="3 of 3 processes of a-db did not obey SIGSTOP"):
        server_of(Container(obeys=False)).pause()


def test_dead_container_is_neither_paused_nor_resumed() -> None:
    container = Container(is_running=False)
    assert server_of(container).pause() == 0
    server_of(container).resume()
    assert not container.calls
