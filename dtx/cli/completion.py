"""What the shell completes; never raises, since an error would end up in the user's command line."""

import functools
import itertools
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from dtx.cli.run_names import LATEST, find_run, run_names

if TYPE_CHECKING:
    from dtx.config.loader import Declared
    from dtx.config.model import System

_RUNS = Path(".dtx/runs")
_CRASH_AT = "crash-at:"
_MOST_TRANSACTIONS = 50
"""That are offered at a time: a screenful, and more letters give others."""
_AGGREGATES = ("coordinator", "databases", "workers", "*")
Complete = Callable[[typer.Context, str], list[str]]


def _never_raises(names: Callable[[typer.Context, str], Iterable[str]]) -> Complete:
    """Keep those that begin with what was typed; whatever goes wrong, nothing is completed."""

    @functools.wraps(names)
    def complete(ctx: typer.Context, incomplete: str) -> list[str]:
        try:
            found = dict.fromkeys(names(ctx, incomplete))
            return [name for name in found if name.startswith(incomplete)]
        except Exception:  # the shell would print it into the command line
            return []

    return complete


@_never_raises
def systems(ctx: typer.Context, incomplete: str) -> Iterable[str]:
    """Built-in systems, and folders with a system.toml near what was typed."""
    from dtx.config.find import builtin_systems  # noqa: PLC0415 (start time)

    return (*builtin_systems(), *_own_systems(incomplete))


@_never_raises
def faults(ctx: typer.Context, incomplete: str) -> Iterable[str]:
    """Faults; behind the `@` the links and nodes of the system that was named; behind `+` all again."""
    from dtx.chaos.faults import SUMMARIES  # noqa: PLC0415 (start time)

    done, plus, last = incomplete.rpartition("+")
    name, at, _ = last.partition("@")
    if not at and last.startswith(_CRASH_AT):
        points = _crash_points(ctx)
        return (f"{done}{plus}{_CRASH_AT}{each}{end}" for each in points for end in ("", "@"))
    if not at:
        # Both, so that the shell neither adds a blank nor closes a quote before the scope.
        ends = ("", "@") if _named(ctx) else ("",)
        return (f"{done}{plus}{each}{end}" for each in SUMMARIES for end in ends)
    return (f"{done}{plus}{name}@{each}" for each in _scopes(ctx))


@_never_raises
def variants(ctx: typer.Context, incomplete: str) -> Iterable[str]:
    """The variants of the systems that were named, else of all built-in ones; only those that fit the workload."""
    workloads = _given(ctx, "workload")
    for offers in (declared.offers for declared in _declared(ctx)):
        overlays = [offers.overlay(workload) for workload in workloads]
        for name, variant in offers.variants.items():
            if not overlays or any(variant.fits(overlay) for overlay in overlays):
                yield name


@_never_raises
def workloads(ctx: typer.Context, incomplete: str) -> Iterable[str]:
    """The workloads of the systems that were named, else of all built-in ones."""
    return (name for declared in _declared(ctx) for name in declared.offers.workloads)


@_never_raises
def runs(ctx: typer.Context, incomplete: str) -> Iterable[str]:
    """Run folders, newest first, after `latest`."""
    out = ctx.params.get("out") or _RUNS
    return (LATEST, *reversed(run_names(Path(out))))


@_never_raises
def systems_and_runs(ctx: typer.Context, incomplete: str) -> Iterable[str]:
    """What `dtx show` takes."""
    return (*systems(ctx, incomplete), *runs(ctx, incomplete))


@_never_raises
def transactions(ctx: typer.Context, incomplete: str) -> Iterable[str]:
    """The first transactions, of the run that was named, that begin with what was typed."""
    from dtx.core.history import Invoked  # noqa: PLC0415 (start time)
    from dtx.core.run_folder import RunFolder  # noqa: PLC0415

    run = find_run(next(iter(_named(ctx)), LATEST), Path(ctx.params.get("out") or _RUNS))
    submitted = (e.tx for e in RunFolder(run).read_history() if isinstance(e, Invoked))
    return itertools.islice(
        (tx for tx in submitted if tx.startswith(incomplete)), _MOST_TRANSACTIONS
    )


@_never_raises
def held(ctx: typer.Context, incomplete: str) -> Iterable[str]:
    """The ids of the environments that are held."""
    from dtx.targets.held import held_environments  # noqa: PLC0415 (heavy)

    return (each.id for each in held_environments())


@_never_raises
def own_options(ctx: typer.Context, incomplete: str) -> Iterable[str]:
    """The options that the named system's own file declares, or the values of the one that was just typed."""
    options = {
        f"--{n}": o for declared in _declared(ctx) for n, o in declared.offers.options.items()
    }
    words: Sequence[str] = ctx.args
    if words and words[-1] in options:
        return options[words[-1]].values
    flag, has_value, _ = incomplete.partition("=")
    if has_value and flag in options:
        return (f"{flag}={value}" for value in options[flag].values)
    return options


def _named(ctx: typer.Context) -> Sequence[str]:
    """Return the systems that stand on the command line already."""
    given = ctx.params.get("system") or ctx.params.get("systems") or ctx.params.get("what") or ()
    if not given:
        # Behind an option without its value the library has put no word into its place yet.
        given = next((word for word in ctx.args if not word.startswith("-")), ())
    return (given,) if isinstance(given, str) else tuple(given)


def _declared(ctx: typer.Context) -> "Sequence[Declared]":
    from dtx.config.find import builtin_systems, find_system  # noqa: PLC0415 (start time)
    from dtx.config.loader import declared  # noqa: PLC0415

    return [declared(find_system(name)) for name in _named(ctx) or builtin_systems()]


def _scopes(ctx: typer.Context) -> Iterable[str]:
    for name in _named(ctx):
        system = _loaded(name, ctx)
        yield from (link.name for link in system.links)
        yield from system.nodes
    yield from _AGGREGATES


def _crash_points(ctx: typer.Context) -> Iterable[str]:
    for name in _named(ctx):
        for worker in _loaded(name, ctx).workers.values():
            yield from worker.crash_points


def _loaded(name: str, ctx: typer.Context) -> "System":
    from dtx.config.find import find_system  # noqa: PLC0415 (start time)
    from dtx.config.loader import load_system  # noqa: PLC0415
    from dtx.config.model import Selection  # noqa: PLC0415

    workload = next(iter(_given(ctx, "workload")), None)
    variant = next(iter(_given(ctx, "variant")), None)
    return load_system(find_system(name), Selection(workload=workload, variant=variant))


def _given(ctx: typer.Context, option: str) -> Sequence[str]:
    given = ctx.params.get(option) or ()
    return (given,) if isinstance(given, str) else tuple(given)


def _own_systems(incomplete: str) -> Iterable[str]:
    from dtx.config.toml_file import FILE_NAME  # noqa: PLC0415 (start time)

    above = incomplete.rpartition("/")[0]
    folders = Path(above or "/" if incomplete.startswith("/") else above or ".").iterdir()
    for folder in folders:
        if (folder / FILE_NAME).is_file():
            yield f"{above}/{folder.name}" if "/" in incomplete else folder.name
