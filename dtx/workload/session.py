"""The HTTP session of the clients: no limit, no cookies, and never a request sent twice."""

import aiohttp

KEEP_ALIVE_S = 2.0
"""Shorter than servers keep an idle connection (uvicorn 5 s, Node 5 s): a request on a connection that the server is
just closing would end without an answer though nothing was hurt."""


def open_session(*, timeout_s: float) -> aiohttp.ClientSession:
    """Return a session for the running loop; `timeout_s` bounds a request from connecting to the last byte."""
    session = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEP_ALIVE_S),
        timeout=aiohttp.ClientTimeout(total=timeout_s),
        cookie_jar=aiohttp.DummyCookieJar(),
    )
    # aiohttp repeats PUT, DELETE and GET once by itself when the connection breaks (client.py, IDEMPOTENT_METHODS),
    # and has no public switch for it. A harness that submits twice by itself would accuse the system of it.
    session._retry_connection = False  # noqa: SLF001
    return session
