"""Which folder a name or a path means."""

from pathlib import Path

import pytest

from dtx.config.find import builtin_systems, find_system
from dtx.core.errors import UsageError


@pytest.fixture
def patterns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("saga", "outbox"):
        (tmp_path / "patterns" / name).mkdir(parents=True)
        (tmp_path / "patterns" / name / "system.toml").touch()
    (tmp_path / "patterns" / "common").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path / "patterns"


def test_folders_with_a_file_are_built_in(patterns: Path) -> None:
    assert builtin_systems(patterns) == ("outbox", "saga")


def test_plain_name_is_a_built_in_system(patterns: Path) -> None:
    assert find_system("saga", patterns) == patterns / "saga"


def test_plain_name_is_built_in_though_a_folder_has_it_too(patterns: Path) -> None:
    Path("saga").mkdir()
    assert find_system("saga", patterns) == patterns / "saga"


@pytest.mark.parametrize("text", ["./saga", "saga/", "shop", "shop/system.toml", "."])
def test_path_is_a_users(patterns: Path, text: str) -> None:
    for folder in (Path("saga"), Path("shop"), Path()):
        folder.mkdir(exist_ok=True)
        (folder / "system.toml").touch()
    found = find_system(text, patterns)
    assert (found / "system.toml").resolve().parent.parent != patterns


def test_unknown_name_gets_the_nearest(patterns: Path) -> None:
    with pytest.raises(UsageError, match='no system "sage"; built in are: outbox, saga') as caught:
        find_system("sage", patterns)
    assert caught.value.hint == 'did you mean "saga"?'


def test_folder_without_a_file_says_how_to_get_one(patterns: Path) -> None:
    Path("empty").mkdir()
    with pytest.raises(UsageError, match=r"has no system\.toml") as caught:
        find_system("empty", patterns)
    assert "own-system.md" in caught.value.hint


@pytest.mark.parametrize("text", ["", "./nothing", "a\0b", "common", "./x" * 3000, "~nobody"])
def test_what_is_not_there_is_a_usage_error(patterns: Path, text: str) -> None:
    with pytest.raises(UsageError):
        find_system(text, patterns)
