"""One run as one JSON document, for programs."""

from pathlib import Path
from typing import Any

import msgspec

from dtx.core.run_folder import SCHEMA, Plan
from dtx.core.verdict import Verdict
from dtx.report.wording import command_line


def run_document(plan: Plan, verdict: Verdict, folder: Path) -> dict[str, Any]:
    """Return plain values: the verdict, what was run, and where it is kept.

    `status` and `exit_code` are first, `command` repeats the run, `plan` is without the system's tables
    (plan.json in `folder` has them), `verdict` is verdict.json as it stands.
    """
    told = msgspec.to_builtins(verdict)
    planned = msgspec.to_builtins(plan)
    del planned["system"]
    return {
        "schema": SCHEMA,
        "status": verdict.status.value,
        "exit_code": int(verdict.status.exit_code),
        "violated": list(verdict.violated_checkers),
        "reasons": list(verdict.reasons),
        "folder": str(folder),
        "command": command_line(plan.command),
        "plan": planned,
        "verdict": told,
    }


def encode(document: object) -> bytes:
    """Return a document as indented JSON with a line end."""
    return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"
