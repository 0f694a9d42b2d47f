"""The program as a process: what it imports, how it ends when its reader goes away, and its documentation."""

import re
import subprocess
import sys
import typing
from pathlib import Path

from dtx.cli import run
from dtx.cli.main import app
from dtx.core.exit_codes import ExitCode
from dtx.targets.provision import RuntimeName
from dtx.verify.registry import CHECKERS

DOCS = Path(__file__).parents[3] / "docs"
HEAVY = ("docker", "requests", "psycopg", "toxiproxy", "aiohttp", "starlette", "rich", "pydantic")


def _python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )


def test_help_imports_no_sdk_and_no_driver() -> None:
    done = _python(
        "import sys\nfrom dtx.cli.main import execute\nexecute(['--help'])\n"
        f"print([m for m in {HEAVY!r} if m in sys.modules])"
    )
    assert done.stdout.splitlines()[-1] == "[]", done.stderr


def test_a_reader_that_goes_away_does_not_change_the_exit_code() -> None:
    for command in (["list", "checkers"], ["list", "checkers", "--json"]):
        code = (
            f"import sys; sys.argv = ['dtx', *{command!r}]; from dtx.cli.main import main; main()"
        )
        process = subprocess.Popen(
            [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        errors = process.stderr.read()
        process.stderr.close()
        assert (process.wait(timeout=60), errors) == (0, "")


def test_the_table_of_exit_codes_is_the_enum() -> None:
    table = (DOCS / "reference" / "exit-codes.md").read_text()
    rows = {
        int(code): name for code, name in re.findall(r"^\| (\d+) \| (\w+) \|", table, re.MULTILINE)
    }
    assert rows == {int(code): code.name.lower() for code in ExitCode}


def test_the_table_of_checkers_is_the_registry() -> None:
    table = (DOCS / "reference" / "checkers.md").read_text()
    rows = re.findall(r"^\| ([a-z][a-z-]+) \|", table, re.MULTILINE)
    assert rows[1:] == [checker.name for checker in CHECKERS]


def test_every_command_and_option_of_run_is_documented() -> None:
    text = (DOCS / "reference" / "commands.md").read_text()
    for command in app.registered_commands:
        assert f"## dtx {command.name}" in text
    for option in ("fault", "variant", "workload", "rate", "duration", "seed", "runtime", "out",
                   "junit", "json", "quiet", "plan"):  # fmt: skip
        assert f"`--{option}" in text


def test_run_offers_every_runtime() -> None:
    hints = typing.get_type_hints(run.run, vars(run) | {"Selection": object})
    assert set(typing.get_args(hints["runtime"])) == {name.value for name in RuntimeName}


def test_links_in_the_documentation_lead_somewhere() -> None:
    root = DOCS.parent
    for page in [*root.glob("*.md"), *DOCS.rglob("*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.relative_to(root)}: {target}"
