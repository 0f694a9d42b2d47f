"""What the shell completes; never raises, since an error would end up in the user's command line."""

from collections.abc import Iterable
from pathlib import Path

from dtx.cli.run_names import LATEST, run_names

_RUNS = Path(".dtx/runs")


def systems(incomplete: str) -> list[str]:
    """Return built-in systems."""
    from dtx.config.find import builtin_systems  # noqa: PLC0415 (start time)

    return _beginning(builtin_systems(), incomplete)


def faults(incomplete: str) -> list[str]:
    """Return faults."""
    from dtx.chaos.faults import SUMMARIES  # noqa: PLC0415 (start time)
    from dtx.chaos.grammar import FILE, RANDOM  # noqa: PLC0415

    return _beginning((*SUMMARIES, RANDOM, FILE), incomplete)


def variants(incomplete: str) -> list[str]:
    """Return the variants of all built-in systems."""
    from dtx.config.find import builtin_systems, find_system  # noqa: PLC0415 (start time)
    from dtx.config.loader import declared  # noqa: PLC0415
    from dtx.core.errors import DtxError  # noqa: PLC0415

    try:
        names = [
            name
            for system in builtin_systems()
            for name in declared(find_system(system)).offers.variants
        ]
    except DtxError:
        return []
    return _beginning(names, incomplete)


def runs(incomplete: str) -> list[str]:
    """Return run folders, newest first, after `latest`."""
    try:
        return _beginning([LATEST, *reversed(run_names(_RUNS))], incomplete)
    except OSError:
        return []


def _beginning(names: Iterable[str], incomplete: str) -> list[str]:
    return [name for name in names if name.startswith(incomplete)]
