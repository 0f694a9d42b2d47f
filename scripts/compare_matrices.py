"""Compares the cells of two `dtx matrix --json` documents: same system, fault and seed must give the same status."""

import json
import sys
from pathlib import Path
from typing import Any


def cells(path: str) -> dict[tuple[str, str, int], dict[str, Any]]:
    """Return (system, fault, seed) -> result."""
    document = json.loads(Path(path).read_text())
    return {
        (r["cell"]["system"], r["cell"]["fault"], r["cell"]["seed"]): r for r in document["results"]
    }


def main() -> int:
    """Print the comparison; 1 if any cell differs."""
    first, second = cells(sys.argv[1]), cells(sys.argv[2])
    differing = 0
    for key in sorted(first.keys() | second.keys()):
        a, b = (side.get(key, {}).get("status", "absent") for side in (first, second))
        if a != b:
            differing += 1
            print(f"{key}: {a} against {b}")
    print(f"{len(first)} and {len(second)} cells compared, {differing} differ")
    return 1 if differing or not first else 0


if __name__ == "__main__":
    sys.exit(main())
