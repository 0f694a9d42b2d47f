"""Colours can be read on white and on black."""

import pytest
from rich.color import Color
from rich.style import Style

from dtx.core.verdict import Status
from dtx.report import colours

BLACK, WHITE = (0, 0, 0), (255, 255, 255)
STYLES = [
    colours.FAULT, colours.HURT_NODE, colours.GOOD, colours.UNSURE, colours.BAR,
    colours.QUIET, colours.HEADING, colours.COMMAND, *map(colours.of_status, Status),
]  # fmt: skip


def contrast(one: tuple[int, int, int], other: tuple[int, int, int]) -> float:
    """Return the ratio of WCAG 2: 1 (none) to 21."""
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: tuple[int, int, int]) -> float:
    parts = [c / 255 for c in colour]
    r, g, b = (c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def rgb(colour: Color) -> tuple[int, int, int]:
    red, green, blue = colour.get_truecolor()
    return red, green, blue


@pytest.mark.parametrize("background", [BLACK, WHITE], ids=["black", "white"])
@pytest.mark.parametrize("style", sorted(set(STYLES)))
def test_every_style_can_be_read_on_black_and_white(
    style: str, background: tuple[int, int, int]
) -> None:
    parsed = Style.parse(style)
    if parsed.color is not None:
        assert contrast(rgb(parsed.color), background) >= 3


@pytest.mark.parametrize("status", Status)
def test_the_verdicts_own_word_brings_its_background(status: Status) -> None:
    parsed = Style.parse(colours.of_headline(status))
    assert parsed.color is not None
    assert parsed.bgcolor is not None
    assert contrast(rgb(parsed.color), rgb(parsed.bgcolor)) >= 4.5
