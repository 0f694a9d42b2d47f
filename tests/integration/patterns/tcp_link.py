"""A TCP link that a test can hurt: replies lost, or silent in both directions until healed."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import StrEnum


class Mode(StrEnum):
    PASS = "pass"
    LOSE_REPLIES = "lose-replies"
    SILENT = "silent"


class TcpLink:
    """Listens on 127.0.0.1; after SILENT the held bytes go on their way, after LOSE_REPLIES connections close."""

    def __init__(self, port: int) -> None:
        self._upstream = port
        self._mode = Mode.PASS
        self._changed = asyncio.Event()
        self._writers: set[asyncio.StreamWriter] = set()
        self.port = 0
        self.loop = asyncio.new_event_loop()

    def set(self, mode: Mode) -> None:
        asyncio.run_coroutine_threadsafe(self._set(mode), self.loop).result(timeout=5)

    async def listen(self) -> None:
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]

    async def _set(self, mode: Mode) -> None:
        if self._mode is Mode.LOSE_REPLIES:
            for writer in self._writers:
                writer.close()
        self._mode = mode
        self._changed.set()
        self._changed = asyncio.Event()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self._upstream)
        except OSError:
            writer.close()
            return
        self._writers |= {writer, up_writer}
        await asyncio.gather(
            self._pump(reader, up_writer, is_reply=False),
            self._pump(up_reader, writer, is_reply=True),
        )
        self._writers -= {writer, up_writer}

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, is_reply: bool
    ) -> None:
        with suppress(OSError):
            while chunk := await reader.read(65536):
                while self._mode is Mode.SILENT:
                    await self._changed.wait()
                if self._mode is Mode.LOSE_REPLIES and is_reply:
                    continue
                writer.write(chunk)
                await writer.drain()
        writer.close()


@contextmanager
def tcp_link(port: int) -> Iterator[TcpLink]:
    """A link to 127.0.0.1:port, run by a thread of its own."""
    link = TcpLink(port)
    thread = threading.Thread(target=link.loop.run_forever, daemon=True)
    thread.start()
    asyncio.run_coroutine_threadsafe(link.listen(), link.loop).result(timeout=5)
    try:
        yield link
    finally:
        link.loop.call_soon_threadsafe(link.loop.stop)
        thread.join(timeout=5)
