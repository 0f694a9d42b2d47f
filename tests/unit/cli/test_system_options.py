"""Options that a system's own file declares."""

import pytest

from dtx.cli.system_options import read_options
from dtx.config.model import Option
from dtx.core.errors import UsageError

OPTIONS = {"transport": Option(name="transport", default="http", values=("http", "kafka"))}
OWN = ("--fault", "--seed")


@pytest.mark.parametrize("words", [["--transport", "kafka"], ["--transport=kafka"]])
def test_a_declared_option_is_read_in_both_forms(words: list[str]) -> None:
    assert read_options(words, OPTIONS, OWN) == {"transport": "kafka"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--transprt", "kafka"], "--transport"),
        (["--sed", "1"], "--seed"),
        (["--zzz", "1"], "--transport"),
        (["--transport"], "kafka"),
        (["--transport", "--x"], "kafka"),
        (["--transport", "smoke"], "kafka"),
        (["--transport", "http", "--transport", "kafka"], "twice"),
        (["kafka"], "one word too many"),
    ],
)
def test_a_wrong_option_says_what_there_is(words: list[str], said: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_options(words, OPTIONS, OWN)
    assert said in f"{caught.value.message} {caught.value.hint}"


def test_a_system_without_options_says_so() -> None:
    with pytest.raises(UsageError) as caught:
        read_options(["--zzz"], {}, ())
    assert "declares no options" in caught.value.hint
