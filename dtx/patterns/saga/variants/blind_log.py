"""A saga log that sets a state without comparing: the last writer wins."""

from typing import ClassVar

from dtx.patterns.common.database import Database
from dtx.patterns.saga.definition import D, SagaDefinition
from dtx.patterns.saga.saga_log import SagaLog, Statements


class BlindStatements(Statements[D]):
    """Moves a saga wherever it is."""

    movable: ClassVar[str] = "tx = %(tx)s"


def blind_log(definition: SagaDefinition[D], database: Database) -> SagaLog[D]:
    """Return the log of the reference without its compare-and-set."""
    return SagaLog(definition, database, statements=BlindStatements(definition))
