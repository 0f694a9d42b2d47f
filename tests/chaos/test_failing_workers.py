"""Workers that fail in the midst of a run: the run ends in order, and its verdict says what became of them."""

from pathlib import Path

import msgspec
import pytest

from dtx.core.run_folder import RunFolder
from dtx.targets.workers.logs import MOST_BYTES
from tests.support.commands import dtx
from tests.support.leftovers import left_of_local_run
from tests.support.till_system import WARM_UP, write_till

pytestmark = pytest.mark.local

RUN = ("--runtime", "local", "--duration", "2", "--rate", "20", "--out", "runs")


@pytest.mark.parametrize(
    ("dying", "how"),
    [
        ("(print('Error: no paper left', flush=True), os._exit(3))", "exit status 3"),
        ("(print('Error: no paper left', flush=True), os.kill(os.getpid(), 9))", "signal SIGKILL"),
    ],
)
def test_worker_that_dies_in_the_midst_is_convicted_with_its_last_words(
    place: Path, dying: str, how: str
) -> None:
    write_till(place / "till", selling=f"number > {WARM_UP + 5} and {dying}")
    done = dtx("run", "./till", *RUN, "--json", cwd=place)
    assert done.returncode == 1, done.stdout + done.stderr
    [check] = (
        check
        for check in msgspec.json.decode(done.stdout)["verdict"]["checks"]
        if check["checker"] == "death"
    )
    [finding] = check["findings"]
    assert finding["summary"] == "1 death that no fault explains: till"
    assert f"ended with {how}" in finding["evidence"][0]
    assert "Error: no paper left" in finding["evidence"][0]
    assert not left_of_local_run(place)


def test_worker_that_dies_in_the_warm_up_is_convicted_too(place: Path) -> None:
    write_till(place / "till", selling="os._exit(3)")
    done = dtx("run", "./till", *RUN, cwd=place)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "till died at " in done.stdout
    assert not left_of_local_run(place)


def test_log_that_never_ends_is_cut_where_it_says_and_changes_no_verdict(place: Path) -> None:
    """100 MB, of which a part is kept."""
    flood = (
        f"number == {WARM_UP + 1} and [os.write(1, b'x' * 9_999 + b'\\n') for _ in range(10_000)]"
    )
    write_till(place / "till", selling=flood)
    done = dtx("run", "./till", *RUN, cwd=place)
    assert done.returncode == 0, done.stdout + done.stderr
    [folder] = (place / "runs").glob("2*")
    log = folder / "logs" / "till.log"
    assert MOST_BYTES <= log.stat().st_size < MOST_BYTES * 1.1
    *_, (_, last) = RunFolder(folder).log_lines("till")
    assert last == f"dtx: the log ends here, at {MOST_BYTES // 1_000_000} MB; the worker wrote more"
    assert not left_of_local_run(place)
