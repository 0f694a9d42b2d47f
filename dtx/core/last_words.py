"""Of the output of a program that died, the line that says why.

Python ends with it. Node and Java put it above their stack, Go above its goroutines, PostgreSQL above its farewell.
"""

import re
from collections.abc import Sequence

_WHY = re.compile(
    r"^(?:Caused by: |Uncaught |Exception in thread .*? )?[\w.$]*(?:Error|Exception)\b[^:]*: +\S"
    r"|^(?:panic|fatal error|fatal|error): +\S"
    r"|\b(?:FATAL|PANIC): +\S"
)


def telling_line(lines: Sequence[str]) -> str:
    """Return the last line that looks like the message of an error, else the last that is not empty, else nothing."""
    said = [line.strip() for line in lines if line.strip()]
    # Not stripped: what is indented is a frame, or source that was quoted.
    why = [line.strip() for line in lines if _WHY.search(line)]
    return (why or said or [""])[-1]
