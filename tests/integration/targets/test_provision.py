"""After an environment nothing is left, whatever way it ended."""

import os
from pathlib import Path

import pytest

from dtx.config.loader import load_system
from dtx.core.errors import ProvisionError
from dtx.targets import process_tree
from dtx.targets.environment import Environment
from dtx.targets.loopback import is_listening
from dtx.targets.provision import RuntimeName, provisioned
from dtx.targets.runtime import RUN_VARIABLE

from .local_here import open_files
from .till_system import TILL_URL, post, started, write_till

pytestmark = pytest.mark.local


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "system").mkdir()
    return write_till(tmp_path / "system")


class Traces:
    """What an environment could leave behind, noted while it runs."""

    def __init__(self, environment: Environment) -> None:
        scope = environment._scope
        self._run_id, self._folder = scope.run_id, scope.folder
        addresses = [environment.links.address(link) for link in environment.links.names()]
        addresses += [environment._address(node) for node in environment.nodes.names()]
        self._ports = {address.port for address in addresses}
        self.found_running = self.left()

    def left(self) -> list[str]:
        """Return what there is now, in words."""
        processes = process_tree.marked(RUN_VARIABLE, self._run_id)
        processes |= process_tree.working_below(self._folder)
        words = [f"process {pid}" for pid in processes]
        words += [f"port {port}" for port in self._ports if is_listening(port)]
        return words + ([f"folder {self._folder}"] if self._folder.exists() else [])


def own_children() -> set[int]:
    return process_tree.descendants(os.getpid())


def test_nothing_is_left_after_the_context(folder: Path, tmp_path: Path) -> None:
    before, files_before = own_children(), len(open_files())
    with started(load_system(folder), tmp_path) as environment:
        post(environment.client_url(TILL_URL), "t1")
        traces = Traces(environment)
    kinds = {words.split()[0] for words in traces.found_running}
    assert kinds == {"process", "port", "folder"}
    assert traces.left() == []
    assert own_children() <= before
    assert len(open_files()) <= files_before


def test_exception_inside_cleans_up_as_well_and_comes_through(folder: Path, tmp_path: Path) -> None:
    before = own_children()
    seen: list[Traces] = []

    def body() -> None:
        with started(load_system(folder), tmp_path) as environment:
            seen.append(Traces(environment))
            environment.nodes.kill("till-db")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as caught:
        body()
    assert seen[0].left() == []
    assert own_children() <= before, "the reaper too, although the exception is still held"
    assert caught.value.__context__ is None


def test_worker_that_does_not_start_leaves_nothing_either(tmp_path: Path) -> None:
    broken = write_till(tmp_path, {"till.py": "raise SystemExit('no till')"})
    before = own_children()
    (tmp_path / "logs").mkdir()
    seen: list[Traces] = []

    def body() -> None:
        with provisioned(load_system(broken), RuntimeName.LOCAL) as environment:
            environment.start()
            seen.append(Traces(environment))
            environment.start_workers(tmp_path / "logs")

    with pytest.raises(ProvisionError, match=r"(?s)exit status 1; .*no till"):
        body()
    assert seen[0].left() == []
    assert own_children() <= before


def test_private_folder_that_cant_be_made_is_an_environment_error(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = own_children()
    monkeypatch.setattr("tempfile.tempdir", "/nowhere/at/all")
    with (
        pytest.raises(ProvisionError, match="can't make the private folder /nowhere"),
        provisioned(load_system(folder), RuntimeName.LOCAL),
    ):
        pass  # pragma: no cover
    assert own_children() <= before
