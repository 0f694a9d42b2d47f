"""Two-phase commit beside a stranger, and over servers that may not prepare: the run ends with a verdict that says why."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from dtx.config.find import find_system
from dtx.targets.cache import cache_folder
from dtx.targets.local.postgres_binaries import find_postgres
from tests.support import stranger
from tests.support.commands import dtx

pytestmark = [pytest.mark.local, pytest.mark.mariadb]

WORDS = ("--runtime", "local", "--fault", "none", "--rate", "20", "--duration", "2", "--seed", "1")

STRANGER = """
[workers.stranger]
command = ["{python}", "stranger.py"]
[workers.stranger.env]
ORDERS_URL = "{databases.orders-db.url}"
PAYMENTS_URL = "{databases.payments-db.url}"
"""


def test_stranger_s_branches_that_nobody_ends_are_named_as_such(tmp_path: Path) -> None:
    folder = tmp_path / "shared"
    shutil.copytree(find_system("2pc"), folder)
    shutil.copy(stranger.__file__, folder / "stranger.py")
    file = folder / "system.toml"
    text = file.read_text().replace("converges_within_s = 15", "converges_within_s = 2", 1)
    file.write_text(text + STRANGER)
    done = dtx("run", folder, *WORDS, cwd=tmp_path)
    assert done.returncode == 1, done.stdout + done.stderr
    assert done.stdout.startswith(" VIOLATED   shared without faults: convergence\n")
    for words in (
        f"orders-db: {stranger.POSTGRES_GID} is prepared, which names no transaction of this run",
        f"payments-db: {stranger.MARIADB_GID} is prepared, which names no transaction of this run",
        "2 branches naming no transaction of this run stayed in doubt",
    ):
        assert words in " ".join(done.stdout.split())
    listed = dtx("show", "latest", "--in-doubt", cwd=tmp_path)
    assert listed.returncode == 0
    at_the_end = listed.stdout.partition("at the end: 2 branches")[2]
    assert f"{stranger.POSTGRES_GID} (names no" in at_the_end
    assert f"{stranger.MARIADB_GID} (names no" in at_the_end
    assert "Traceback" not in done.stderr + listed.stderr


@pytest.fixture
def without_prepared_transactions() -> Iterator[str]:
    """A folder of PostgreSQL's programs whose servers take no prepared transactions."""
    real = find_postgres(cache_folder()).folder
    with tempfile.TemporaryDirectory(prefix="dtx-test-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "initdb").write_text(f'#!/bin/sh\nexec "{real}/initdb" "$@"\n')
        (folder / "postgres").write_text(
            "#!/bin/sh\n"
            f'[ "$1" != -D ] || exec "{real}/postgres" "$@" -c max_prepared_transactions=0\n'
            f'exec "{real}/postgres" "$@"\n'
        )
        for program in folder.iterdir():
            program.chmod(0o755)
        yield name


def test_servers_that_may_not_prepare_refuse_everything_and_the_report_says_why(
    tmp_path: Path, without_prepared_transactions: str
) -> None:
    env = {"DTX_POSTGRES_BIN": without_prepared_transactions}
    done = dtx("run", "2pc", *WORDS, cwd=tmp_path, env=env, within_s=60)
    assert done.returncode == 3, done.stdout + done.stderr
    said = " ".join(done.stdout.split())
    assert said.startswith("UNKNOWN 2pc without faults: this run proves nothing")
    assert "no transaction of the main phase committed" in said
    assert ": 0 ok, " in said
    assert "prepared transactions are disabled" in said
    assert 'HINT: Set "max_prepared_transactions" to a nonzero value' in said
    assert "Traceback" not in done.stdout + done.stderr
