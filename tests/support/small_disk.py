"""A file system with little room, which only root can mount."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def small_disk(folder: Path, size_kb: int) -> Iterator[Path]:
    """Mount one at the folder, which is made; skipped with its reason where that can't be done, but not in CI."""
    folder.mkdir(exist_ok=True)
    options = f"size={size_kb}k,mode=755"
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "dtx-test", str(folder)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        reason = f"no small disk here: {done.stderr.strip()}"
        if os.environ.get("CI") == "true":
            pytest.fail(f"full disks must be tested in CI, as root: {reason}", pytrace=False)
        pytest.skip(reason)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(folder: Path) -> None:
    """Write until there is no room left."""
    with (folder / "filler").open("wb", buffering=0) as file:
        block = bytes(1 << 16)
        try:
            while True:
                block = block[: file.write(block)]
        except OSError:
            return
