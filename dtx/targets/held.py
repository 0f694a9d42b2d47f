"""Environments that are held open: each tells of itself in its private folder, so that it goes with it."""

import os
import signal
import time
from pathlib import Path

import msgspec

from dtx.core.deadline import Deadline, poll_until
from dtx.core.errors import ProvisionError
from dtx.core.held import HeldEnvironment
from dtx.targets import process_tree
from dtx.targets.housekeeping import private_folders

HELD_FILE = "held.json"
END_WITHIN_S = 30.0
SWEEP_WITHIN_S = 30.0


def announce(held: HeldEnvironment, folder: Path) -> None:
    """Write it where `held_environments` looks: the environment's private folder.

    Raises:
        ProvisionError: it can't be written.
    """
    partial = folder / f".{HELD_FILE}"
    try:
        partial.write_bytes(msgspec.json.encode(held))
        partial.replace(folder / HELD_FILE)
    except OSError as error:
        raise ProvisionError(f"can't write {folder / HELD_FILE}: {error.strerror}") from error


def held_environments() -> tuple[HeldEnvironment, ...]:
    """Return this user's held environments whose holder lives, oldest first."""
    found = [held for folder in private_folders() if (held := _read(folder)) is not None]
    return tuple(sorted((h for h in found if is_held(h)), key=lambda h: (h.since, h.id)))


def is_held(held: HeldEnvironment) -> bool:
    """Whether its holder still runs."""
    return process_tree.start_time(held.pid) == held.started


def end(held: HeldEnvironment) -> None:
    """Have the holder end and clean up; a holder that does not is killed, and its reaper cleans up.

    Raises:
        ProvisionError: it is somebody else's, or something is still there.
    """
    for number, within_s in ((signal.SIGTERM, END_WITHIN_S), (signal.SIGKILL, SWEEP_WITHIN_S)):
        try:
            if is_held(held):
                os.kill(held.pid, number)
        except ProcessLookupError:
            pass
        except PermissionError as error:
            raise ProvisionError(
                f"{held.id} is held by another user's process {held.pid}"
            ) from error
        if poll_until(lambda: _is_gone(held), Deadline.after(within_s), every_s=0.05):
            return
    raise ProvisionError(
        f"something of {held.id} is still there", hint="`dtx clean` removes what a dead holder left"
    )


def _is_gone(held: HeldEnvironment) -> bool:
    return not is_held(held) and not any(_id(folder) == held.id for folder in private_folders())


def _id(folder: Path) -> str:
    return folder.name.rpartition("-")[2]


def _read(folder: Path) -> HeldEnvironment | None:
    try:
        if folder.stat().st_uid != os.geteuid():
            return None
        return msgspec.json.decode((folder / HELD_FILE).read_bytes(), type=HeldEnvironment)
    except (OSError, msgspec.MsgspecError):
        return None  # none of ours, or one that comes or goes just now


def now_utc() -> str:
    """Return the time as it stands in `since`."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
