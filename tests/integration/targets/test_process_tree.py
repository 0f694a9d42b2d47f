"""Trees of real processes: found wherever they went, and killed until none is left."""

import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest

from dtx.targets import process_tree

from .local_here import eventually

MARK = "DTX_TEST_MARK"


@pytest.fixture
def mark() -> str:
    return uuid.uuid4().hex


@pytest.fixture
def stack(mark: str) -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack
        process_tree.kill_all(lambda: process_tree.marked(MARK, mark))


def start(
    stack: ExitStack, mark: str, command: Sequence[str], cwd: Path | None = None
) -> "subprocess.Popen[bytes]":
    process = subprocess.Popen(command, env=os.environ | {MARK: mark}, cwd=cwd)
    stack.callback(process.wait)
    stack.callback(process.kill)
    return process


def test_descendants_include_a_grandchild_in_a_session_of_its_own(
    stack: ExitStack, mark: str
) -> None:
    root = start(stack, mark, ["sh", "-c", "sh -c 'setsid sleep 60 & wait' & wait"])
    assert eventually(lambda: len(process_tree.descendants(root.pid)) == 3)
    sessions = {os.getsid(pid) for pid in process_tree.descendants(root.pid)}
    assert len(sessions) == 2


def test_descendants_leave_out_others(stack: ExitStack, mark: str) -> None:
    first = start(stack, mark, ["sleep", "60"])
    start(stack, mark, ["sleep", "60"])
    assert process_tree.descendants(first.pid) == {first.pid}


def test_zombie_does_not_count(stack: ExitStack, mark: str) -> None:
    process = start(stack, mark, ["true"])
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert Path(f"/proc/{process.pid}").exists()
    assert not process_tree.is_running(process.pid)
    assert process_tree.descendants(process.pid) == set()
    assert process.pid not in process_tree.parents()
    assert process_tree.kill_all(lambda: {process.pid}) == 0


def test_children_of_a_zombie_are_its_descendants_no_more_but_found_by_their_mark(
    stack: ExitStack, mark: str
) -> None:
    process = start(stack, mark, ["sh", "-c", "sleep 60 & exit"])
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert eventually(lambda: len(process_tree.marked(MARK, mark)) == 1)


def test_process_whose_name_looks_like_its_state_is_read_right(
    stack: ExitStack, mark: str, tmp_path: Path
) -> None:
    program = tmp_path / "a) Z 1 (b"
    program.symlink_to("/bin/sleep")
    process = start(stack, mark, [str(program), "60"])
    assert process_tree.is_running(process.pid)
    assert process_tree.parents()[process.pid] == os.getpid()


def test_start_time_tells_processes_apart_and_is_none_for_nobody(
    stack: ExitStack, mark: str
) -> None:
    process = start(stack, mark, ["sleep", "60"])
    mine = process_tree.start_time(os.getpid())
    assert mine is not None
    assert mine == process_tree.start_time(os.getpid())
    assert process_tree.start_time(process.pid) != mine
    assert process_tree.start_time(2**22 + 1) is None


class TestWorkingBelow:
    def test_folder_and_below_are_found_and_a_neighbour_is_not(
        self, stack: ExitStack, mark: str, tmp_path: Path
    ) -> None:
        for name in ("run", "run/db", "run2"):
            (tmp_path / name).mkdir()
        inside = start(stack, mark, ["sleep", "60"], tmp_path / "run")
        below = start(stack, mark, ["sleep", "60"], tmp_path / "run" / "db")
        start(stack, mark, ["sleep", "60"], tmp_path / "run2")
        assert process_tree.working_below(tmp_path / "run") == {inside.pid, below.pid}

    def test_folder_behind_a_symbolic_link_is_found(
        self, stack: ExitStack, mark: str, tmp_path: Path
    ) -> None:
        (tmp_path / "real").mkdir()
        (tmp_path / "link").symlink_to("real")
        process = start(stack, mark, ["sleep", "60"], tmp_path / "link")
        assert process_tree.working_below(tmp_path / "link") == {process.pid}

    def test_folder_that_was_removed_is_found(
        self, stack: ExitStack, mark: str, tmp_path: Path
    ) -> None:
        folder = tmp_path / "gone"
        folder.mkdir()
        process = start(stack, mark, ["sleep", "60"], folder)
        folder.rmdir()
        assert process_tree.working_below(folder) == {process.pid}


class TestMarked:
    def test_mark_is_inherited_and_its_value_must_be_whole(
        self, stack: ExitStack, mark: str
    ) -> None:
        start(stack, mark, ["sh", "-c", "sleep 60 & wait"])
        start(stack, mark + "0", ["sleep", "60"])
        assert eventually(lambda: len(process_tree.marked(MARK, mark)) == 2)


def states(pids: set[int]) -> set[str]:
    return {process_tree.stat_fields(pid)[0] for pid in pids}


FORKING = """
import os, time
for _ in range(300):
    if os.fork() == 0:
        os.setsid()
        os.fork()
        time.sleep(20)
        os._exit(0)
    time.sleep(0.002)
time.sleep(20)
"""
"""Bounded: some hundred children, each of which forks once more and leaves the session."""


class TestStopAll:
    def test_tree_is_stopped_whole_and_goes_on(self, stack: ExitStack, mark: str) -> None:
        root = start(stack, mark, ["sh", "-c", "sh -c 'setsid sleep 60 & wait' & wait"])

        def members() -> set[int]:
            return process_tree.descendants(root.pid)

        assert eventually(lambda: len(members()) == 3)
        assert process_tree.stop_all(members) == 3
        assert states(members()) == {"T"}
        assert all(process_tree.is_stopped(pid) for pid in members())
        assert process_tree.continue_all(members) == 3
        assert states(members()) == {"S"}

    def test_tree_that_keeps_forking_is_stopped(self, stack: ExitStack, mark: str) -> None:
        start(stack, mark, [sys.executable, "-I", "-S", "-c", FORKING])

        def members() -> set[int]:
            return process_tree.marked(MARK, mark)

        assert eventually(lambda: len(members()) > 20)
        stopped = process_tree.stop_all(members)
        assert states(members()) == {"T"}
        assert not eventually(lambda: len(members()) != stopped, within_s=0.1)
        process_tree.continue_all(members)
        assert eventually(lambda: len(members()) > stopped)

    def test_child_that_was_forked_behind_the_listing_is_stopped_too(
        self, stack: ExitStack, mark: str
    ) -> None:
        parent, child = (start(stack, mark, ["sleep", "60"]).pid for _ in range(2))
        is_parent_still = False

        def members() -> set[int]:
            nonlocal is_parent_still
            listed = {parent, child} if is_parent_still else {parent}
            is_parent_still = process_tree.is_stopped(parent)
            return listed

        assert process_tree.stop_all(members) == 2
        assert states({parent, child}) == {"T"}

    def test_parent_of_a_vfork_whose_child_was_stopped_counts_as_stopped(
        self, stack: ExitStack, mark: str
    ) -> None:
        # The child of a vfork is stopped before its exec; its parent sleeps uninterruptibly, SIGSTOP or not.
        vfork = (
            "import ctypes, os, signal\n"
            "if ctypes.PyDLL(None).vfork() == 0:\n"
            "    os.kill(os.getpid(), signal.SIGSTOP)\n"
            "    os._exit(0)\n"
        )
        root = start(stack, mark, [sys.executable, "-I", "-S", "-c", vfork])

        def members() -> set[int]:
            return process_tree.descendants(root.pid)

        assert eventually(lambda: states(members()) == {"D", "T"})
        assert process_tree.stop_all(members, within_s=1) == 2
        process_tree.continue_all(members)
        assert eventually(lambda: not members()), "both went on to their end"

    def test_every_thread_of_a_process_is_stopped(self, stack: ExitStack, mark: str) -> None:
        threads = (
            "import threading, time\n"
            "for _ in range(3):\n"
            "    threading.Thread(target=time.sleep, args=(60,)).start()\n"
        )
        process = start(stack, mark, [sys.executable, "-I", "-S", "-c", threads])
        tasks = Path(f"/proc/{process.pid}/task")
        assert eventually(lambda: len(list(tasks.iterdir())) == 4)
        assert process_tree.stop_all(lambda: {process.pid}) == 1
        assert {
            process_tree.stat_fields(f"{process.pid}/task/{t.name}")[0] for t in tasks.iterdir()
        } == {"T"}

    def test_nobody_is_stopped_twice_or_resumed_who_is_gone(
        self, stack: ExitStack, mark: str
    ) -> None:
        process = start(stack, mark, ["sleep", "60"])
        assert process_tree.stop_all(lambda: {process.pid}) == 1
        assert process_tree.stop_all(lambda: {process.pid}) == 1
        process.kill()
        process.wait()
        assert process_tree.stop_all(lambda: {process.pid}) == 0
        assert process_tree.continue_all(lambda: {process.pid}) == 0

    def test_members_that_do_not_stop_are_named(
        self, stack: ExitStack, mark: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        process = start(stack, mark, ["sleep", "60"])
        monkeypatch.setattr(process_tree, "_signal_all", lambda pids, number: None)
        with pytest.raises(TimeoutError, match=f"{process.pid}.* do not stop"):
            process_tree.stop_all(lambda: {process.pid}, within_s=0.01)

    def test_caller_spares_itself(self) -> None:
        assert process_tree.stop_all(lambda: {os.getpid()}) == 0


class TestKillAll:
    def test_count_is_that_of_the_killed(self, stack: ExitStack, mark: str) -> None:
        root = start(stack, mark, ["sh", "-c", "sleep 60 & sleep 60 & wait"])
        assert eventually(lambda: len(process_tree.descendants(root.pid)) == 3)
        assert process_tree.kill_all(lambda: process_tree.descendants(root.pid)) == 3
        assert root.wait() == -signal.SIGKILL

    def test_tree_that_keeps_forking_is_killed(self, stack: ExitStack, mark: str) -> None:
        start(stack, mark, [sys.executable, "-I", "-S", "-c", FORKING])
        assert eventually(lambda: len(process_tree.marked(MARK, mark)) > 20)
        process_tree.kill_all(lambda: process_tree.marked(MARK, mark))
        assert not eventually(lambda: process_tree.marked(MARK, mark), within_s=0.1)

    def test_stopped_process_is_killed(self, stack: ExitStack, mark: str) -> None:
        process = start(stack, mark, ["sleep", "60"])
        process.send_signal(signal.SIGSTOP)
        assert process_tree.kill_all(lambda: {process.pid}) == 1

    def test_caller_spares_itself(self) -> None:
        assert process_tree.kill_all(lambda: {os.getpid()}) == 0

    def test_members_that_do_not_end_are_named(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(process_tree, "_signal_all", lambda pids, number: None)
        monkeypatch.setattr(process_tree, "is_running", lambda pid: True)
        with pytest.raises(TimeoutError, match="4194999"):
            process_tree.kill_all(lambda: {4194999}, within_s=0.01)
