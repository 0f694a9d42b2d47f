"""A small real server in a thread: it answers, hangs, resets, fails, or works in the background, as it is told."""

import asyncio
import socket
import struct
import threading
from collections import Counter
from collections.abc import Callable
from types import TracebackType
from typing import Self

from aiohttp import web


class OrdersServer:
    """Orders behind HTTP. `behaviour` maps a tx to one of: ok, refuse, accept, hang, reset, close, cut, error, odd."""

    def __init__(self, behaviour: Callable[[str], str]) -> None:
        self._behaviour = behaviour
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)
        self.seen: Counter[str] = Counter()
        self.asked: Counter[str] = Counter()
        self.known_after = 2

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        app = web.Application()
        app.router.add_route("*", "/orders", self._order)
        app.router.add_get("/transactions/{tx}", self._outcome)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        self._ready.set()
        await self._stop.wait()
        await runner.cleanup()

    async def _order(self, request: web.Request) -> web.StreamResponse:
        tx = (await request.json())["tx"]
        self.seen[tx] += 1
        match self._behaviour(tx):
            case "ok":
                return web.json_response({"tx": tx}, status=201)
            case "refuse":
                return web.json_response({"error": "out of stock"}, status=409)
            case "accept" | "accept-lost":
                return web.json_response({"tx": tx}, status=202)
            case "error":
                return web.Response(status=500, text="it broke")
            case "odd":
                return web.Response(status=302, headers={"Location": "/elsewhere"})
            case "hang":
                await self._stop.wait()
            case "cut":
                return await self._cut(request)
            case "reset":
                self._break(request, linger=struct.pack("ii", 1, 0))
            case "close":
                self._break(request, linger=None)
            case other:
                raise AssertionError(other)
        return web.Response()

    async def _outcome(self, request: web.Request) -> web.Response:
        tx = request.match_info["tx"]
        self.asked[tx] += 1
        behaviour = self._behaviour(tx)
        if behaviour == "accept-lost" or self.asked[tx] < self.known_after:
            return web.json_response({"status": "PENDING"})
        status = "REJECTED" if int(tx[1:]) % 2 else "CONFIRMED"
        return web.json_response({"status": status})

    async def _cut(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(status=201, headers={"Content-Length": "100"})
        await response.prepare(request)
        await response.write(b"{")
        self._break(request, linger=None)
        return response

    def _break(self, request: web.Request, *, linger: bytes | None) -> None:
        assert request.transport is not None
        if linger is not None:
            connection = request.transport.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            request.transport.abort()
        else:
            request.transport.close()
