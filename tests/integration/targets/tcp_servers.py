"""Small TCP servers in threads, for what stands behind a proxy."""

import contextlib
import socket
import threading
from types import TracebackType
from typing import Self

from dtx.targets.runtime import Address


class EchoServer:
    """Sends every byte back; `received` holds all that came, over all connections.

    With `is_reading=False` it accepts and never reads, so that the buffers on the way fill up. A `greeting` is sent to
    whoever connects.
    """

    def __init__(self, *, is_reading: bool = True, greeting: bytes = b"") -> None:
        self.greeting = greeting
        self.received = b""
        self._is_reading = is_reading
        self._lock = threading.Lock()
        self._connections: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = Address("127.0.0.1", self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with self._lock:
            for one in (self._listener, *self._connections):
                with contextlib.suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)
                one.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                connection.sendall(self.greeting)
                with self._lock:
                    self._connections.append(connection)
                if self._is_reading:
                    threading.Thread(target=self._echo, args=(connection,), daemon=True).start()

    def _echo(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while chunk := connection.recv(1 << 16):
                with self._lock:
                    self.received += chunk
                connection.sendall(chunk)
            connection.close()


def connected(address: Address, *, timeout_s: float = 5.0) -> socket.socket:
    """Connect; reads and writes raise TimeoutError after `timeout_s`."""
    return socket.create_connection((address.host, address.port), timeout=timeout_s)


def receive(connection: socket.socket, size_bytes: int) -> bytes:
    """Read exactly so many bytes, or fewer where the connection ends."""
    found = b""
    while len(found) < size_bytes and (chunk := connection.recv(size_bytes - len(found))):
        found += chunk
    return found
