"""Latencies over the run as small bars."""

from dtx.report.sparkline import LEVELS, LatencyTrack, sparkline


def test_the_track_keeps_the_highest_latency_of_each_part() -> None:
    track = LatencyTrack(10.0)
    for at_s, latency_ms in ((0.5, 8.0), (0.6, 9.0), (5.5, 3000.0), (12.0, 1.0)):
        track.add(at_s, latency_ms)
    cells = track.cells(10)
    assert cells[0] == 9.0
    assert cells[5] == 3000.0
    assert [cell for n, cell in enumerate(cells) if n not in (0, 5)] == [None] * 8


def test_every_part_stands_somewhere_however_wide_the_line() -> None:
    track = LatencyTrack(1.0)
    for part in range(240):
        track.add((part + 0.5) / 240, float(part + 1))
    for width in (1, 7, 60, 240, 400):
        cells = track.cells(width)
        assert len(cells) == width
        assert None not in cells
        assert cells[-1] == 240.0


def test_bars_grow_with_the_logarithm_and_nothing_is_a_blank() -> None:
    line = sparkline([10.0, None, 100.0, 1000.0])
    assert line[0] == LEVELS[0]
    assert line[1] == " "
    assert LEVELS[0] < line[2] < line[3] == LEVELS[-1]


def test_small_noise_is_no_mountain() -> None:
    assert LEVELS[-1] not in sparkline([8.0, 9.0, 8.5])


def test_no_latency_at_all_is_blank_and_plain_characters_can_be_asked_for() -> None:
    assert sparkline([None, None]) == "  "
    assert sparkline([1.0, 1000.0], is_ascii=True).isascii()
