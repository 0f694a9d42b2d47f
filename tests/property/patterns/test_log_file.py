"""The file of decisions under everything that can be cut off it or written wrong in it: never another decision."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dtx.patterns.twophase.file_entries import (
    Decided,
    Decisions,
    Forgotten,
    encoded,
    read_decisions,
)
from dtx.patterns.twophase.frames import DamagedFrameError, framed, read_frames
from dtx.patterns.twophase.resource import Decision

PAYLOADS = st.lists(st.binary(max_size=40), max_size=6)


@st.composite
def files(draw: st.DrawFn) -> tuple[int, list[Decided | Forgotten], bytes]:
    """Draw a file: how many bytes of it were written at its start, what was appended, and the whole of it."""
    kept = draw(st.integers(0, 3))
    decisions = Decisions(group="shop", epoch=draw(st.integers(1, 300)))
    entries: list[Decided | Forgotten] = []
    for number in range(kept + draw(st.integers(0, 4))):
        decision = draw(st.sampled_from(Decision))
        participants = ("orders", "payments") if decision is Decision.COMMIT else ()
        decided = Decided(
            tx=f"t{number}",
            attempt=f"1.0000000{number}",
            decision=decision,
            participants=participants,
        )
        if number < kept:
            decisions.add(decided)
            continue
        entries.append(decided)
        if decision is Decision.COMMIT and draw(st.booleans()):
            entries.append(Forgotten(tx=decided.tx, attempt=decided.attempt))
    begun = decisions.as_file()
    return len(begun), entries, begun + encoded(*entries)


@given(payloads=PAYLOADS, data=st.data())
def test_any_prefix_gives_a_prefix_of_the_payloads(
    payloads: list[bytes], data: st.DataObject
) -> None:
    content = framed(payloads)
    cut = data.draw(st.integers(0, len(content)))
    found = read_frames(content[:cut])
    read = [frame.payload for frame in found.frames]
    assert read == payloads[: len(read)]
    assert found.end == len(framed(read))
    assert found.torn_bytes == cut - found.end
    assert len(read) == len(payloads) or len(framed(payloads[: len(read) + 1])) > cut


@given(file=files(), data=st.data())
def test_any_prefix_of_a_log_says_what_was_decided_first_and_none_that_was_synced_is_missed(
    file: tuple[int, list[Decided | Forgotten], bytes], data: st.DataObject
) -> None:
    begun, entries, content = file
    cut = data.draw(st.integers(0, len(content)))
    if cut < begun:
        with pytest.raises(DamagedFrameError):
            read_decisions(content[:cut])
        return
    found, torn_bytes = read_decisions(content[:cut])
    whole = content[: cut - torn_bytes]
    expected, _ = read_decisions(content[:begun])
    written = len(whole) - begun
    for count in range(len(entries) + 1):
        if len(encoded(*entries[:count])) == written:
            break
    else:
        pytest.fail("it was not cut between two entries")
    for entry in entries[:count]:
        expected.add(entry)
    assert found == expected
    rest = encoded(*entries[count : count + 1])
    assert not rest or torn_bytes < len(rest)


@given(file=files(), data=st.data())
def test_a_wrong_byte_is_an_error(
    file: tuple[int, list[Decided | Forgotten], bytes], data: st.DataObject
) -> None:
    _, _, content = file
    at = data.draw(st.integers(0, len(content) - 1))
    wrong = bytearray(content)
    wrong[at] ^= data.draw(st.integers(1, 255))
    with pytest.raises(DamagedFrameError):
        read_decisions(bytes(wrong))


@given(file=files(), data=st.data())
def test_a_wrong_byte_in_a_log_with_a_torn_end_is_an_error_or_in_what_is_torn(
    file: tuple[int, list[Decided | Forgotten], bytes], data: st.DataObject
) -> None:
    begun, _, content = file
    cut = data.draw(st.integers(begun, len(content)))
    expected, torn_bytes = read_decisions(content[:cut])
    at = data.draw(st.integers(0, cut - 1))
    wrong = bytearray(content[:cut])
    wrong[at] ^= data.draw(st.integers(1, 255))
    try:
        found, _ = read_decisions(bytes(wrong))
    except DamagedFrameError:
        return
    assert at >= cut - torn_bytes
    assert found == expected


@given(file=files(), zeros=st.integers(1, 600))
def test_zeros_at_the_end_are_torn(
    file: tuple[int, list[Decided | Forgotten], bytes], zeros: int
) -> None:
    _, _, content = file
    expected, _ = read_decisions(content)
    assert read_decisions(content + bytes(zeros)) == (expected, zeros)
