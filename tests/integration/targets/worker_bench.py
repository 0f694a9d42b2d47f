"""Makes workers from small program texts, and ends them."""

import os
import textwrap
from collections.abc import Mapping
from pathlib import Path

from dtx.config.model import Template, Worker
from dtx.config.place import Place
from dtx.config.template import parse_template
from dtx.core.run_folder import RunFolder
from dtx.targets.loopback import free_port, release_port
from dtx.targets.runtime import RunScope
from dtx.targets.workers.logs import LogCollector
from dtx.targets.workers.process import WorkerProcess


def template(text: str) -> Template:
    return parse_template(text, Place("system.toml"))


class Bench:
    """One worker `orders` after another, with its logs; everything is in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.run_folder = RunFolder.create(folder / "run")
        self.logs = LogCollector()
        self.logs.write_to(self.run_folder.logs)
        self.scope = RunScope(run_id=f"test-{os.urandom(6).hex()}", folder=folder)
        self._made: list[WorkerProcess] = []

    def worker(
        self,
        program: str,
        *,
        has_http: bool = True,
        ready: str = "/healthz",
        env: Mapping[str, str] | None = None,
        command: tuple[str, ...] = ("{python}", "-I", "-S", "program.py"),
        durable: tuple[str, ...] = (),
        setup: str = "",
    ) -> WorkerProcess:
        (self.folder / "program.py").write_text(textwrap.dedent(program))
        worker = Worker(
            name="orders",
            command=tuple(template(part) for part in command),
            env={name: template(value) for name, value in (env or {}).items()},
            role=None,
            has_http=has_http,
            ready=ready if has_http else None,
            ready_within_s=20,
            crash_points=(),
            durable=durable,
        )
        made = WorkerProcess(
            worker=worker,
            folder=self.folder,
            scope=self.scope,
            port=free_port() if has_http else None,
            crash_file=self.folder / "crash.json",
            resolve=lambda reference: f"resolved {reference.name}",
            logs=self.logs,
            setup=setup,
        )
        self._made.append(made)
        return made

    def started(self, program: str, *, has_http: bool = False) -> WorkerProcess:
        made = self.worker(program, has_http=has_http)
        made.start()
        return made

    def lines(self) -> list[str]:
        return [line for _, line in self.run_folder.log_lines("orders")]

    def close(self) -> None:
        for made in self._made:
            made.kill()
            if made.address:
                release_port(made.address.port)
        self.logs.close()
