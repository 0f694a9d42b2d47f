"""A saga log that takes for unfinished only what is so old that nobody should run it any more."""

from typing import ClassVar

from dtx.patterns.saga.definition import D, SagaDefinition
from dtx.patterns.saga.saga_log import Statements


class AgedStatements(Statements[D]):
    """Leaves out what was placed less than `after_s` ago."""

    after_s: ClassVar[float] = 2.0
    """Far longer than a saga takes, so that a recoverer beside the coordinator hardly ever runs what runs there."""

    def __init__(self, definition: SagaDefinition[D]) -> None:
        super().__init__(definition)
        age = f"clock_timestamp() - created_at > interval '{self.after_s} second'"
        self.unfinished = f"{self.unfinished} and {age}"
