"""Connections of the harness to one MariaDB server, straight to it, and whose fault an error is."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from typing import Any, TypeAlias

import pymysql
from pymysql.constants import CLIENT, CR, ER

from dtx.core.errors import ProvisionError
from dtx.targets.mariadb.setup import DATABASE, HARNESS
from dtx.targets.runtime import Address

CONNECT_TIMEOUT_S = 5
ANSWER_TIMEOUT_S = 30
"""No statement of the harness takes as long: a server that is stopped must not hold it for ever."""

Connection: TypeAlias = "pymysql.Connection[Any]"

OpenSession: TypeAlias = Callable[[], AbstractContextManager[Connection]]
"""Gives a session in the working database, in autocommit; raises ProvisionError if it can't be had or fails."""

_GONE = frozenset(
    {
        CR.CR_CONNECTION_ERROR,
        CR.CR_CONN_HOST_ERROR,
        CR.CR_SERVER_GONE_ERROR,
        CR.CR_SERVER_LOST,
        ER.SERVER_SHUTDOWN,
        ER.CON_COUNT_ERROR,
        1927,  # ER_CONNECTION_KILLED, MariaDB's own
    }
)


def connect(address: Address, *, user: str = HARNESS, database: str | None = None) -> Connection:
    """Return a connection in autocommit that understands several statements at once.

    Raises:
        pymysql.MySQLError: the server does not answer.
    """
    # Unless it is told that there is no TLS, PyMySQL reads all certificate authorities first: 50 ms for each connection.
    return pymysql.connect(
        host=address.host, port=address.port, user=user, database=database, autocommit=True, ssl_disabled=True,
        connect_timeout=CONNECT_TIMEOUT_S, read_timeout=ANSWER_TIMEOUT_S, charset="utf8mb4",
        client_flag=CLIENT.MULTI_STATEMENTS if user == HARNESS else 0,
    )  # fmt: skip


@contextmanager
def session(
    name: str, address: Address, *, user: str = HARNESS, database: str | None = DATABASE
) -> Iterator[Connection]:
    """Lend a connection to database `name`; errors that nobody else is to blame for are the environment's.

    Raises:
        ProvisionError: the server does not answer, or a statement in the block failed.
    """
    try:
        with closing(connect(address, user=user, database=database)) as connection:
            yield connection
    except pymysql.MySQLError as error:
        raise ProvisionError(f"{name}: {words_of(error)}") from error


def rows(
    connection: Connection, statement: str, parameters: Sequence[object] = ()
) -> list[tuple[Any, ...]]:
    """Run a statement and return its rows; none if it gives none."""
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters or None)
        return list(cursor.fetchall()) if cursor.description else []


def is_gone(error: pymysql.MySQLError) -> bool:
    """Whether the server is to blame, not the statement."""
    return isinstance(error, pymysql.InterfaceError) or code_of(error) in _GONE


def code_of(error: pymysql.MySQLError) -> int:
    """Return the server's or the client's number of the error, 0 if it has none."""
    code = error.args[0] if error.args else 0
    return code if isinstance(code, int) else 0


def words_of(error: pymysql.MySQLError) -> str:
    """Return the error in one line, with its number."""
    text = str(error.args[1] if len(error.args) > 1 else error).strip()
    first = next(iter(text.splitlines()), type(error).__name__)
    code = code_of(error)
    return f"{first} (error {code})" if code else first
