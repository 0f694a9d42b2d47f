"""A command's answer, judged: an exit code of the enum other than 5, at most three plain lines of error, no traceback."""

import contextlib
import io
import json
import os
from collections.abc import Sequence

from dtx.cli.main import execute
from dtx.core.exit_codes import ExitCode

FACTOR = float(os.environ.get("DTX_FUZZ", "1"))
"""How many times the inputs of one run of the tests; 10 takes minutes."""
SEED = int(os.environ.get("DTX_FUZZ_SEED", "0"))
"""Another one draws other inputs."""


LONGEST_LINE = 1010


def inputs(count: int) -> range:
    """Return the numbers of the inputs; each is the seed of its own."""
    return range(SEED, SEED + max(1, int(count * FACTOR)))


def answer(words: Sequence[str]) -> tuple[ExitCode, str]:
    """Run a command line as `dtx` does; return its exit code and what it printed on stderr.

    Raises:
        AssertionError: it is no answer that a user may get.
    """
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = execute(words)
    said = err.getvalue()
    assert code is not ExitCode.INTERNAL, said
    assert "Traceback" not in said + out.getvalue()
    if code in (ExitCode.USAGE, ExitCode.ENVIRONMENT):
        assert 1 <= len(said.splitlines()) <= 3, said
        assert said.startswith("dtx"), said
        assert all(len(line) <= LONGEST_LINE for line in said.splitlines()), said
        assert all(line.isprintable() for line in said.splitlines()), said
        if "--json" in words:
            assert json.loads(out.getvalue())["exit_code"] == code
        else:
            assert out.getvalue() == "", "an error leaves no half of a result"
    return code, said
