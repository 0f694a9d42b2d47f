"""Runs every benchmark in a process of its own and prints one table: `python bench [--markdown]`."""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from figures import Figure, machine, table

HERE = Path(__file__).parent


def main() -> None:
    """Run all; a benchmark that fails is named, and the exit status is 1."""
    figures: list[Figure] = []
    failed: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        for bench in sorted(HERE.glob("bench_*.py")):
            kept = Path(folder) / f"{bench.stem}.json"
            began = time.monotonic()
            print(f"== {bench.name} ({machine()})", flush=True)
            done = subprocess.run([sys.executable, str(bench), "--json", str(kept)], check=False)
            print(f"   {time.monotonic() - began:.0f} s\n", flush=True)
            if done.returncode != 0:
                failed.append(bench.name)
            else:
                figures += [Figure(**values) for values in json.loads(kept.read_text())]
    print(table(figures, is_markdown="--markdown" in sys.argv[1:]))
    short = [figure.what for figure in figures if figure.is_met is False]
    print(f"\nshort of their goals: {', '.join(short) or 'none'}")
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
