"""Whether whoever sent a request still waits for its answer.

A process that stood still finds all that the kernel took for it meanwhile. Most of it was given up long ago, and asked
again since. Carried out one after another, it makes those wait who are still there, until they give up in their turn.
So what nobody waits for is not begun.

That is always safe where the sender asks again until it is answered: a request that had no effect is one that was
lost on the way. What a sender that has gone may have wanted is its next request, or its compensation.

ASGI can't tell (`receive` gives `http.disconnect` only once the event loop has read the end of the connection, and the
loop hands a request out before it reads on), but the kernel can, whatever is still unread.
"""

import select

from starlette.types import Scope
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_FILENO = "dtx.fileno"
"""An extension of the scope (ASGI allows any): gives the file descriptor of the request's connection."""


class PresenceProtocol(HttpToolsProtocol):
    """uvicorn's protocol, whose requests know their connection."""

    def on_message_begin(self) -> None:
        """Begin a request."""
        super().on_message_begin()
        connection = self.transport.get_extra_info("socket")
        self.scope["extensions"] = {_FILENO: {"of": connection.fileno}}


def is_abandoned(scope: Scope) -> bool:
    """Return whether the sender has closed its end, or all of the connection: one system call.

    One that has closed only its own end might still listen; HTTP clients don't, and uvicorn would hang up on it too.
    """
    fileno = scope["extensions"][_FILENO]["of"]()
    if fileno < 0:
        return True  # closed by ourselves since
    poll = select.poll()
    poll.register(fileno, select.POLLRDHUP)  # ends that are not only ours are always reported
    return bool(poll.poll(0))
