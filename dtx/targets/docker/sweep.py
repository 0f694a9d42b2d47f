"""Removes what a run left in a Docker engine; needs nothing but the standard library.

The reaper loads this file by its path, without dtx and without the docker SDK: it runs when the harness is
dead, starts fast and must not fail for want of a package. So it speaks HTTP over the engine's unix socket
itself. Paths carry no API version: the engine then answers with its own, whichever that is.
"""

import http.client
import json
import socket
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import quote

LABEL = "dtx.run"
"""The same as dtx.targets.runtime.RUN_LABEL, held equal by a test."""

TIMEOUT_S = 60.0
THREADS = 8


class _EngineConnection(http.client.HTTPConnection):
    def __init__(self, socket_path: str) -> None:
        super().__init__("localhost", timeout=TIMEOUT_S)
        self._socket_path = socket_path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(TIMEOUT_S)
        self.sock.connect(self._socket_path)


def sweep(run_id: str, socket_path: str) -> int:
    """Remove containers (with their volumes), then networks, labelled `dtx.run=run_id`.

    Returns:
        How many there were when it looked. What would not go is counted too, so that a caller that
        sweeps until nothing is found tries it again.

    Raises:
        OSError: no engine answers at the socket, or it did not understand.
    """
    label = f"{LABEL}={run_id}"
    containers = _labelled(socket_path, "/containers/json?all=true&", label)
    _delete_all(socket_path, [f"/containers/{c['Id']}?force=true&v=true" for c in containers])
    networks = _labelled(socket_path, "/networks?", label)
    _delete_all(socket_path, [f"/networks/{n['Id']}" for n in networks])
    return len(containers) + len(networks)


def runs_left(socket_path: str) -> list[str]:
    """Return the ids of runs that still have containers or networks, sorted.

    Raises:
        OSError: no engine answers at the socket, or it did not understand.
    """
    found = _labelled(socket_path, "/containers/json?all=true&", LABEL)
    found += _labelled(socket_path, "/networks?", LABEL)
    return sorted({str(thing["Labels"][LABEL]) for thing in found} - {""})


def _labelled(socket_path: str, path: str, label: str) -> list[dict[str, Any]]:
    status, body = _call(
        socket_path, "GET", f"{path}filters={quote(json.dumps({'label': [label]}))}"
    )
    if status != 200:
        raise OSError(f"the Docker engine answered {status}: {body[:200]!r}")
    try:
        found = json.loads(body)
    except ValueError as error:
        raise OSError(f"the Docker engine answered {body[:200]!r}") from error
    return found if isinstance(found, list) else []


def _delete_all(socket_path: str, paths: list[str]) -> None:
    # Any refusal is left to the next pass: gone already (404), going (409), a network in use (403).
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(lambda path: _call(socket_path, "DELETE", path), paths))


def _call(socket_path: str, method: str, path: str) -> tuple[int, bytes]:
    connection = _EngineConnection(socket_path)
    try:
        connection.request(method, path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    except http.client.HTTPException as error:
        raise OSError(f"the Docker engine broke off: {error!r}") from error
    finally:
        connection.close()
