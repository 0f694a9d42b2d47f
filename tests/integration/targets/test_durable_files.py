"""What real programs sync is noted, whatever call they use; what can't be seen is said; the rest is cut away."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from dtx.core.errors import ProvisionError
from dtx.core.ports import CutBack
from dtx.targets.cache import cache_folder
from dtx.targets.proxies.toxiproxy_binary import cached_binary
from dtx.targets.workers import sync_watch
from dtx.targets.workers.durable import DurableFiles
from dtx.targets.workers.process import WorkerProcess

from .local_here import eventually
from .worker_bench import Bench

pytestmark = pytest.mark.local

BEGIN = """
import os, sys, time, mmap
data = os.environ["DTX_DATA_DIR"] + "/"
def append(file, size):
    os.write(file, b"x" * size)
log = os.open(data + "journal.log", os.O_CREAT | os.O_RDWR | os.O_APPEND)
append(log, 10)
"""
END = """
print("done", flush=True)
time.sleep(60)
"""


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.close()


def ran(
    bench: Bench, program: str, *, is_watched: bool = True
) -> tuple[WorkerProcess, DurableFiles]:
    """Return a worker that has come to the end of its program and still runs."""
    worker = bench.worker(BEGIN + program + END, has_http=False, durable=("*.log",))
    if is_watched:
        worker.watch_syncs(sync_watch.sync_library(cache_folder()))
    worker.start()
    assert eventually(lambda: any(line.endswith("done") for line in bench.lines())), bench.lines()
    return worker, DurableFiles({"orders": worker})


def lost(bench: Bench, program: str) -> int:
    worker, files = ran(bench, program)
    assert files.unseen("orders") == ""
    worker.kill()
    cut = files.cut_back("orders")
    assert cut.files == 1
    return cut.cut_bytes


@pytest.mark.parametrize(
    ("program", "bytes_lost"),
    [
        ("", 10),
        ("os.fsync(log)", 0),
        ("os.fdatasync(log)", 0),
        ("os.sync()", 0),
        ("os.fsync(log); append(log, 7)", 7),
        ("os.fsync(log); append(log, 7); os.fsync(log); append(log, 1)", 1),
        ("again = os.open(data + 'journal.log', os.O_WRONLY | os.O_APPEND | os.O_DSYNC); append(again, 5)", 0),
        ("again = os.open(data + 'journal.log', os.O_WRONLY | os.O_APPEND | os.O_SYNC); append(again, 5)", 0),
        ("m = mmap.mmap(log, 0); m[0] = 65; m.flush()", 0),
        ("os.fsync(log); os.ftruncate(log, 4); append(log, 9)", 9),
        ("os.fsync(log); os.truncate(data + 'journal.log', 4); append(log, 9)", 9),
        ("os.fsync(log); f = open(data + 'journal.log', 'w'); f.write('abc'); f.flush()", 3),
        (
            ("new = os.open(data + 'new', os.O_CREAT | os.O_WRONLY); append(new, 30); os.fsync(new);"
            "append(new, 2); os.rename(data + 'new', data + 'journal.log')"),
            2,
        ),
        (
            ("new = os.open(data + 'new', os.O_CREAT | os.O_WRONLY); append(new, 30);"
            "os.rename(data + 'new', data + 'journal.log')"),
            30,
        ),
        (("os.fsync(log); os.close(log); os.unlink(data + 'journal.log');"
         "log = os.open(data + 'journal.log', os.O_CREAT | os.O_WRONLY); append(log, 6)"), 6),
        ("import ctypes; libc = ctypes.CDLL(None); libc.syscall(74, log)", 0),
        ("import ctypes; libc = ctypes.CDLL(None); libc.syncfs(log)", 0),
        ("if not os.fork():\n    os.fsync(log); os._exit(0)\nos.wait()", 0),
    ],
)  # fmt: skip
def test_what_was_not_synced_is_lost_and_nothing_else(
    bench: Bench, program: str, bytes_lost: int
) -> None:
    assert lost(bench, program) == bytes_lost


def test_a_worker_goes_on_with_what_was_left_and_a_second_loss_takes_only_what_is_new(
    bench: Bench,
) -> None:
    worker, files = ran(bench, "if os.path.getsize(data + 'journal.log') < 20: os.fsync(log)")
    journal = worker.data / "journal.log"
    worker.kill()
    assert files.cut_back("orders").cut_bytes == 0
    worker.start()
    assert eventually(lambda: journal.stat().st_size == 20)
    worker.kill()
    assert files.cut_back("orders") == CutBack(files=1, cut_bytes=10)
    assert journal.stat().st_size == 10


def test_files_that_are_not_named_are_left_alone(bench: Bench) -> None:
    worker, files = ran(bench, "os.rename(data + 'journal.log', data + 'journal.txt')")
    worker.kill()
    assert files.cut_back("orders") == CutBack(files=0, cut_bytes=0)
    assert (worker.data / "journal.txt").stat().st_size == 10


def test_a_worker_without_the_library_is_not_seen(bench: Bench) -> None:
    _, files = ran(bench, "", is_watched=False)
    assert "without the library" in files.unseen("orders")


def test_a_child_whose_environment_was_cleared_is_not_seen(bench: Bench) -> None:
    _, files = ran(
        bench, "import subprocess; child = subprocess.Popen(['/bin/sleep', '60'], env={})"
    )
    assert eventually(lambda: "did not load the library" in files.unseen("orders"))


def test_a_statically_linked_program_is_not_seen(bench: Bench) -> None:
    source = bench.folder / "static.c"
    source.write_text(
        '#include <unistd.h>\nint main() { write(1, "done\\n", 5); return sleep(60); }'
    )
    program = bench.folder / "static"
    compiler = sync_watch.compiler()
    assert compiler
    subprocess.run([*compiler, "-static", "-o", program, source], check=True)
    worker = bench.worker("", has_http=False, command=("./static",), durable=("*.log",))
    worker.watch_syncs(sync_watch.sync_library(cache_folder()))
    worker.start()
    assert eventually(lambda: bool(bench.lines()))
    assert "statically linked" in DurableFiles({"orders": worker}).unseen("orders")


def test_a_program_of_go_is_not_seen(bench: Bench) -> None:
    go = bench.folder / "go"
    shutil.copy(cached_binary(cache_folder()), go)
    worker = bench.worker("", has_http=False, command=("./go", "-port", "0"), durable=("*.log",))
    # This one is static as well, so the library is said to be what every process has loaded: the program itself.
    worker.watch_syncs(go)
    worker.start()
    assert eventually(lambda: "Go" in DurableFiles({"orders": worker}).unseen("orders"))


def test_library_of_another_source_is_another_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = sync_watch.cached_library(tmp_path)
    other = tmp_path / "syncs.c"
    other.write_text("int x;")
    monkeypatch.setattr(sync_watch, "SOURCE", other)
    assert sync_watch.cached_library(tmp_path) != ours
    assert sync_watch.sync_library(tmp_path).exists()


def test_a_source_that_does_not_compile_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "syncs.c"
    broken.write_text("int x")
    monkeypatch.setattr(sync_watch, "SOURCE", broken)
    with pytest.raises(ProvisionError, match="failed") as caught:
        sync_watch.sync_library(tmp_path)
    assert caught.value.hint
    assert not sync_watch.cached_library(tmp_path).exists()
