"""How fast the command line answers: `dtx --help`, beside an interpreter that only imports typer."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import figures
from figures import Figure

REPETITIONS = 15
GOAL_S = 0.3
DTX = Path(sys.executable).parent / "dtx"


def run(*command: str) -> float:
    def wait() -> None:
        subprocess.run(command, stdout=subprocess.DEVNULL, check=True)

    return figures.seconds(wait)


def measure() -> Iterator[Figure]:
    ours, typer, bare = figures.repeated(
        REPETITIONS,
        lambda: run(str(DTX), "--help"),
        lambda: run(sys.executable, "-c", "import typer"),
        lambda: run(sys.executable, "-c", "pass"),
    )
    for peer, values in (("python -c 'import typer'", typer), ("python -c pass", bare)):
        yield Figure(
            what="dtx --help",
            values=ours,
            unit="s",
            peer=peer,
            peer_values=values,
            goal=f"{GOAL_S} s",
            is_met=sorted(ours)[len(ours) // 2] <= GOAL_S,
        )


if __name__ == "__main__":
    figures.main(measure, __doc__)
