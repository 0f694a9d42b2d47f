"""What a worker says of an error."""

from psycopg import OperationalError
from psycopg_pool import PoolTimeout

from dtx.patterns.common.narration import failure_name


def test_no_free_connection_is_said_in_words() -> None:
    assert (
        failure_name(PoolTimeout("couldn't get a connection after 1.00 sec"))
        == "no free connection"
    )


def test_any_other_error_has_its_own_name() -> None:
    assert failure_name(OperationalError()) == "OperationalError"
