"""The holder: a process that holds an environment open until it is told to end (`dtx up`, `dtx run --keep`)."""

import contextlib
import sys
import traceback
from multiprocessing.connection import Connection
from typing import Any

from dtx.cli.signals import interruptible
from dtx.core.errors import DtxError, InternalError
from dtx.experiment.holding import tell_and_hold


def main() -> None:
    """Hold what the order on the pipe says; argument 1 is the number of the pipe's end."""
    pipe: Connection[Any, Any] = Connection(int(sys.argv[1]))
    with contextlib.suppress(KeyboardInterrupt, EOFError, ConnectionError), interruptible():
        try:
            tell_and_hold(pipe)
        except DtxError as error:
            pipe.send(error)
        except (OSError, EOFError):
            raise
        except Exception as error:  # the process boundary: the command prints it
            words = f"{type(error).__name__}: {error}\n{traceback.format_exc()}"
            pipe.send(InternalError(words))


if __name__ == "__main__":
    main()
