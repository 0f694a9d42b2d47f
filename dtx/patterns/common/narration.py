"""What a worker says about a transaction on stdout: one short line for each step of the protocol.

The lines are the transaction's story for whoever reads the log: `tx=t000042 debit asked of payments, attempt 2`.
"""

import logging
import sys

_logger = logging.getLogger("dtx.story")


def start_narration() -> None:
    """Send the story to stdout as bare lines, and warnings of libraries to stderr."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(logging.Formatter("%(message)s"))
    _logger.addHandler(handler)
    _logger.setLevel(logging.INFO)
    _logger.propagate = False
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    # Every broken connection is discarded and replaced: said once by whoever met it, not again by the pool.
    logging.getLogger("psycopg.pool").setLevel(logging.ERROR)


def tell(tx: str, what: str, *words: object) -> None:
    """Write one line of the story of `tx`; `words` fill the %s in `what`."""
    _logger.info(f"tx={tx} {what}", *words)  # noqa: G004 (transaction ids hold no %)
