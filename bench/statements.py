"""The SQL that a system runs for one transaction, taken from its servers' own logs, to be run again without it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

_EXECUTED = re.compile(
    r"^\S+ \S+ \S+ \[(\d+)\] LOG:  (?:statement|execute [^:]+): (.*)$", re.DOTALL
)
_PARAMETERS = re.compile(
    r"^\S+ \S+ \S+ \[(\d+)\] DETAIL:  Parameters: (.*)$", re.DOTALL | re.IGNORECASE
)
_VALUE = re.compile(r"\$\d+ = (NULL|'(?:[^']|'')*')")

LOGGING = "alter system set log_statement = 'all'"
"""What makes a server log them; pg_reload_conf() follows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One statement in a session of `database`, with the parameters $1, $2, ..."""

    database: str
    session: int
    text: str
    parameters: tuple[str | None, ...] = ()

    def of(self, old: str, new: str) -> tuple[str | None, ...]:
        """Return the parameters with another transaction's id."""
        return tuple(one.replace(old, new) if one else one for one in self.parameters)


def of_transaction(logs: Mapping[str, str], tx: str) -> list[Statement]:
    """Return what the servers' logs say was run for a transaction, one database after the other, BEGIN and all.

    Args:
        logs: database -> its log.
        tx: its id, which stands in a parameter of some statement of each of its local transactions.
    """
    return [
        statement
        for database, log in logs.items()
        for local in _local_transactions(_executed(database, log))
        if any(tx in (value or "") for one in local for value in one.parameters)
        for statement in local
    ]


def _executed(database: str, log: str) -> list[Statement]:
    found: list[Statement] = []
    # A line that continues the one before it begins with a tab.
    for entry in re.split(r"\n(?!\t)", log):
        if executed := _EXECUTED.match(entry):
            session, text = executed.groups()
            found.append(Statement(database=database, session=int(session), text=text))
        elif (said := _PARAMETERS.match(entry)) and found:
            values = tuple(_unquoted(value) for value in _VALUE.findall(said.group(2)))
            found[-1] = replace(found[-1], parameters=values)
    return found


def _local_transactions(statements: Sequence[Statement]) -> list[list[Statement]]:
    """Group by BEGIN ... COMMIT of each session; others stand alone."""
    done: list[list[Statement]] = []
    open_in: dict[int, list[Statement]] = {}
    for one in statements:
        word = one.text.split(maxsplit=1)[0].upper() if one.text.strip() else ""
        if word == "BEGIN":
            open_in[one.session] = [one]
            done.append(open_in[one.session])
        elif one.session in open_in:
            open_in[one.session].append(one)
            if word in {"COMMIT", "ROLLBACK"}:
                del open_in[one.session]
        else:
            done.append([one])
    return done


def _unquoted(value: str) -> str | None:
    return None if value == "NULL" else value[1:-1].replace("''", "'")
