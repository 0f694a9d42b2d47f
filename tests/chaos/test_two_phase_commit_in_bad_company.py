"""Two-phase commit beside a stranger, and over servers that may not prepare: the run ends with a verdict that says why."""

import shutil
from pathlib import Path

import pytest

from dtx.config.find import find_system
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
