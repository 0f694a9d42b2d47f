"""The system that docs/how-to/own-system.md tells its readers to copy is one."""

import re
import shlex
from pathlib import Path

import pytest

from dtx.config.loader import load_system
from dtx.config.model import Selection

PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "own-system.md"
_FILE = re.compile(
    r"^Save as `([^`]+)`[^`]*?(?:`[^`]*`[^`]*?)*?\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL
)


def copied(folder: Path) -> Path:
    """Write the page's files into a folder, as a reader would."""
    for name, text in _FILE.findall(PAGE.read_text()):
        (folder / name).write_text(text)
    return folder


def test_the_pages_files_are_a_system(tmp_path: Path) -> None:
    system = load_system(copied(tmp_path))
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "ledger.sql",
        "shop.py",
        "shop.sql",
        "system.toml",
    ]
    assert "shop->ledger" in [link.name for link in system.links]
    assert set(system.client.participants) == {"shop-db", "ledger-db"}
    compile((tmp_path / "shop.py").read_text(), "shop.py", "exec")


@pytest.mark.parametrize("name", ["forgetful", "boastful"])
def test_the_pages_variant_changes_one_thing(tmp_path: Path, name: str) -> None:
    system = load_system(copied(tmp_path), Selection(variant=name))
    base = load_system(tmp_path)
    assert (system.workers != base.workers) is (name == "forgetful")
    assert (system.contract != base.contract) is (name == "boastful")
    assert f"--variant {name}" in PAGE.read_text()
    for fault in system.variants[name].exposed_by:
        assert f"--fault {shlex.quote(fault)} --rate 20 --variant {name}" in PAGE.read_text()
