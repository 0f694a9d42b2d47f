"""The one table that says what an exception of the HTTP client means for the transaction.

`fail` promises that the transaction had no effect, so only exceptions that prove that nothing was sent are `fail`:
aiohttp raises the connector errors while it opens a connection, before the first byte of the request, and never for a
connection from its pool. As in Jepsen's clients, a refused connection is such a proof; a time-out of the whole request
is not, for it may come after the request was sent. All else is `info`. A proxy accepts even if the worker behind it is
dead and closes then: that is a disconnect, thus `info`.
"""

import asyncio
from types import MappingProxyType
from typing import Final

import aiohttp

from dtx.core.history import Outcome

OUTCOMES: Final = MappingProxyType(
    {
        # Nothing was sent: the connection was never there.
        aiohttp.ClientConnectorError: Outcome.FAIL,
        aiohttp.ClientConnectorDNSError: Outcome.FAIL,
        aiohttp.ClientConnectorSSLError: Outcome.FAIL,
        aiohttp.ClientConnectorCertificateError: Outcome.FAIL,
        aiohttp.ClientProxyConnectionError: Outcome.FAIL,
        aiohttp.ClientSSLError: Outcome.FAIL,
        aiohttp.client_exceptions.UnixClientConnectorError: Outcome.FAIL,
        aiohttp.ConnectionTimeoutError: Outcome.FAIL,
        aiohttp.ServerFingerprintMismatch: Outcome.FAIL,
        # Nothing was sent: the URL is none.
        aiohttp.InvalidURL: Outcome.FAIL,
        aiohttp.InvalidUrlClientError: Outcome.FAIL,
        aiohttp.NonHttpUrlClientError: Outcome.FAIL,
        # The conversation broke after it had begun, or may have.
        aiohttp.ClientConnectionError: Outcome.INFO,
        aiohttp.ClientConnectionResetError: Outcome.INFO,
        aiohttp.ClientOSError: Outcome.INFO,
        aiohttp.ServerConnectionError: Outcome.INFO,
        aiohttp.ServerDisconnectedError: Outcome.INFO,
        aiohttp.ServerTimeoutError: Outcome.INFO,
        aiohttp.SocketTimeoutError: Outcome.INFO,
        asyncio.TimeoutError: Outcome.INFO,
        # An answer came, but not one that can be read to its end.
        aiohttp.ClientError: Outcome.INFO,
        aiohttp.ClientPayloadError: Outcome.INFO,
        aiohttp.ClientResponseError: Outcome.INFO,
        aiohttp.ClientHttpProxyError: Outcome.INFO,
        aiohttp.ContentTypeError: Outcome.INFO,
        aiohttp.TooManyRedirects: Outcome.INFO,
        aiohttp.RedirectClientError: Outcome.INFO,
        aiohttp.InvalidUrlRedirectClientError: Outcome.INFO,
        aiohttp.NonHttpUrlRedirectClientError: Outcome.INFO,
        aiohttp.WSServerHandshakeError: Outcome.INFO,
    }
    # Newer than the oldest aiohttp that will do.
    | {
        getattr(aiohttp, name): Outcome.INFO
        for name in ("UploadAbortedError",)
        if hasattr(aiohttp, name)
    }
)


_PLAIN_WORDS: Final = (
    # The first that fits counts.
    (aiohttp.ServerTimeoutError, "no answer in time"),
    (aiohttp.ClientConnectorDNSError, "no address of that name"),
    (aiohttp.ClientConnectorError, "no connection"),
    (aiohttp.ServerDisconnectedError, "connection closed without an answer"),
    ((aiohttp.ClientConnectionResetError, aiohttp.ClientOSError), "connection broke"),
)


def classify(error: BaseException) -> tuple[Outcome, str]:
    """Return what an exception means and how to say it; an unknown exception proves nothing, so it is `info`."""
    for kind in type(error).__mro__:
        if kind in OUTCOMES:
            return OUTCOMES[kind], _words(error)
    return Outcome.INFO, _words(error)


def _words(error: BaseException) -> str:
    if isinstance(error, asyncio.TimeoutError) and not isinstance(error, aiohttp.ClientError):
        return "no answer within the client's time-out"
    text = str(error)
    for kinds, words in _PLAIN_WORDS:
        if isinstance(error, kinds):
            return words if text in {"", "Server disconnected"} else f"{words}: {text}"
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
