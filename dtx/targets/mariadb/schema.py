"""A schema file: its statements, each with the line it begins at, so that an error can name it."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pymysql
import sqlparse
from sqlparse.tokens import Comment

from dtx.core.errors import ConfigError
from dtx.targets.mariadb.connecting import Connection, is_gone, rows, words_of


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement and the line of the file at which it begins, counted from 1."""

    text: str
    line: int


@dataclass(frozen=True, slots=True)
class Schema:
    """What makes an empty database one of the system's."""

    file: Path | None
    statements: tuple[Statement, ...]

    def apply(self, connection: Connection) -> None:
        """Run the statements in the connection's database, in order.

        Raises:
            ConfigError: a statement fails; names file and line.
            pymysql.MySQLError: the server is gone.
        """
        for statement in self.statements:
            try:
                rows(connection, statement.text)
            except pymysql.MySQLError as error:
                if is_gone(error):
                    raise
                raise ConfigError(
                    f"{self.file}:{statement.line}: {words_of(error)}",
                    hint="the schema must run on an empty database",
                ) from error


EMPTY = Schema(None, ())


def read(file: Path) -> Schema:
    """Read and cut up a schema file.

    Raises:
        ConfigError: it can't be read.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{file}: not UTF-8: {error.reason} at byte {error.start}") from error
    except OSError as error:
        raise ConfigError(f"{file}: {error.strerror}") from error
    return Schema(file, tuple(_statements(text)))


def _statements(text: str) -> Iterator[Statement]:
    line = 1
    for parsed in sqlparse.parse(text):
        whole = str(parsed)
        before = ""
        for token in parsed.flatten():  # type: ignore[no-untyped-call]
            if not token.is_whitespace and token.ttype not in Comment and str(token) != ";":
                yield Statement(whole, line + before.count("\n"))
                break
            before += str(token)
        line += whole.count("\n")
