"""Waiting until a database server answers, whatever its product."""

from collections.abc import Callable

from dtx.core.deadline import Deadline, poll_until
from dtx.core.errors import ProvisionError
from dtx.targets.runtime import ServerProcess

LOOK_EVERY_S = 0.01
HINT = "`dtx doctor` says which server is used, and whether the machine has room for it"


def wait_until_it_answers(
    server: ServerProcess, problem: Callable[[], str], *, who: str, within_s: float
) -> None:
    """Wait until a server that was just launched answers.

    Args:
        server: its process; once that is dead, nobody waits any longer.
        problem: tries it; returns why it does not answer, empty when it does.
        who: the database and its product, for messages: `orders-db: PostgreSQL`.
        within_s: how long to wait.

    Raises:
        ProvisionError: it died or did not answer in time; with its last output.
    """
    last = ""

    def is_settled() -> bool:
        nonlocal last
        last = problem()
        return not last or not server.is_alive()

    in_time = poll_until(is_settled, Deadline.after(within_s), every_s=LOOK_EVERY_S)
    if not last:
        return
    if in_time:
        said = server.last_output() or "it wrote nothing"
        raise ProvisionError(f"{who} died at start; its last output:\n{said}", hint=HINT)
    raise ProvisionError(f"{who} did not answer within {within_s:g} s: {last}", hint=HINT)
