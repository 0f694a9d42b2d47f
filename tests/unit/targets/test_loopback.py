"""Ports of servers: free, below the ephemeral ones, and never handed out twice."""

import socket
import subprocess
import sys

import pytest

from dtx.core.errors import ProvisionError
from dtx.targets import loopback
from dtx.targets.loopback import free_port, is_listening, release_port


def only(monkeypatch: pytest.MonkeyPatch, port: int) -> int:
    """Leave one port to choose from."""
    monkeypatch.setattr(loopback, "LOWEST", port)
    monkeypatch.setattr(loopback, "HIGHEST", port)
    return port


def test_ports_are_below_the_ephemeral_ones_and_differ() -> None:
    ports = [free_port() for _ in range(50)]
    assert len(set(ports)) == 50
    assert all(15000 <= port <= 32000 for port in ports)


def test_port_is_handed_out_again_only_after_its_release(monkeypatch: pytest.MonkeyPatch) -> None:
    port = only(monkeypatch, free_port())
    with pytest.raises(ProvisionError, match=f"no free port .* between {port} and {port}"):
        free_port()
    release_port(port)
    assert free_port() == port


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_port_with_a_listener_is_not_free(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    port = free_port()
    with socket.create_server((host, port)):
        only(monkeypatch, port)
        release_port(port)
        with pytest.raises(ProvisionError):
            free_port()


def test_port_that_another_process_was_given_is_not_free_until_that_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    program = "from dtx.targets.loopback import free_port; print(free_port(), flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        port = only(monkeypatch, int(other.stdout.readline()))
        with pytest.raises(ProvisionError):
            free_port()
        other.kill()
    assert free_port() == port


def test_release_of_a_port_that_was_not_taken_is_harmless() -> None:
    release_port(1)


def test_is_listening_tells_a_listener_from_nobody() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        assert is_listening(port)
    assert not is_listening(port)
