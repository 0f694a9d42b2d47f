"""Dear things are made once, whole or not at all."""

import multiprocessing
import os
import threading
import time
from pathlib import Path

import pytest

from dtx.targets.cache import cache_folder, made_once


def slow_maker(folder: Path) -> None:
    """Make a file in several steps, and note each call beside the cache."""
    with (folder.parent / "calls").open("a") as calls:
        calls.write(f"{os.getpid()}\n")
    (folder / "half").write_text("half")
    time.sleep(0.05)  # the others arrive meanwhile
    (folder / "whole").write_text("whole")


def make_and_check(path: Path) -> None:
    made_once(path, slow_maker)
    assert (path / "whole").read_text() == "whole"


def calls(path: Path) -> int:
    return len((path.parent / "calls").read_text().splitlines())


def test_made_thing_is_returned_and_not_made_again(tmp_path: Path) -> None:
    path = tmp_path / "thing"
    assert made_once(path, slow_maker) == path
    assert made_once(path, slow_maker) == path
    assert calls(path) == 1


def test_threads_at_the_same_time_make_it_once(tmp_path: Path) -> None:
    path = tmp_path / "thing"
    wrong: list[BaseException] = []

    def attempt() -> None:
        try:
            make_and_check(path)
        except BaseException as error:
            wrong.append(error)

    threads = [threading.Thread(target=attempt) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert calls(path) == 1


def test_processes_at_the_same_time_make_it_once(tmp_path: Path) -> None:
    path = tmp_path / "thing"
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=make_and_check, args=(path,)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(10)
    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert calls(path) == 1


def test_failing_maker_leaves_nothing_and_the_next_one_makes_it(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "thing"

    def fail(folder: Path) -> None:
        (folder / "half").write_text("half")
        raise RuntimeError("no")

    with pytest.raises(RuntimeError, match=r"^no$"):
        made_once(path, fail)
    assert not path.exists()
    assert [p.name for p in path.parent.iterdir()] == ["thing.lock"]
    make_and_check(path)


def test_thing_can_be_entered_by_all(tmp_path: Path) -> None:
    path = made_once(tmp_path / "thing", lambda folder: None)
    assert path.stat().st_mode & 0o777 == 0o755


def test_cache_folder_is_the_one_of_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DTX_CACHE_DIR", str(tmp_path / "a" / "cache"))
    assert cache_folder() == tmp_path / "a" / "cache"
    assert cache_folder().is_dir()


def test_relative_cache_folder_is_made_absolute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DTX_CACHE_DIR", "cache")
    assert cache_folder() == tmp_path / "cache"
