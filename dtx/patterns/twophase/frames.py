"""Frames of an append-only file: what was cut off while it was written is told from what was damaged later.

A frame is the length of its payload, a checksum of that length, a checksum of the payload (32 bits each, little-endian),
and the payload. The length has a checksum of its own: else one wrong bit in it would make a frame reach beyond the end
of the file, look as if it had been cut off, and take all that follows with it.

CRC-32 sees every error of up to 32 bits in a row, so also every wrong byte.
"""

import struct
import zlib
from collections.abc import Iterable
from dataclasses import dataclass

_HEADER = struct.Struct("<III")
_LENGTH = struct.Struct("<I")


class DamagedFrameError(Exception):
    """At `offset`, in bytes, stands something that no crash leaves behind."""

    def __init__(self, offset: int, reason: str) -> None:
        super().__init__(f"at offset {offset}: {reason}")
        self.offset = offset
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """A whole payload, and where its frame begins."""

    offset: int
    payload: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Frames:
    """The whole frames of a file, where the last one ends, and how many bytes of a torn one follow."""

    frames: tuple[Frame, ...]
    end: int
    torn_bytes: int


def framed(payloads: Iterable[bytes]) -> bytes:
    """Return the payloads as frames."""
    return b"".join(_header(payload) + payload for payload in payloads)


def read_frames(content: bytes) -> Frames:
    """Read all whole frames.

    Torn is a frame that ends beyond the end of the file, and one of which the file has nothing but zeros to its end: a
    file system may have made it longer before it wrote into it.

    Raises:
        DamagedFrameError: anything else is wrong, also in the last frame: it may have been synced, and so promised.
    """
    frames: list[Frame] = []
    offset = 0
    written = len(content.rstrip(b"\0"))
    while offset < written:
        payload = _payload(content, offset)
        if payload is None:
            break
        frames.append(Frame(offset=offset, payload=payload))
        offset += _HEADER.size + len(payload)
    return Frames(frames=tuple(frames), end=offset, torn_bytes=len(content) - offset)


def _header(payload: bytes) -> bytes:
    length = len(payload)
    return _HEADER.pack(length, zlib.crc32(_LENGTH.pack(length)), zlib.crc32(payload))


def _payload(content: bytes, offset: int) -> bytes | None:
    """Return the payload of the frame at `offset`; None if it is torn."""
    rest = len(content) - offset
    if rest < _HEADER.size:
        return None
    length, length_checksum, checksum = _HEADER.unpack_from(content, offset)
    if length_checksum != zlib.crc32(_LENGTH.pack(length)):
        raise DamagedFrameError(offset, "the length of a record does not match its checksum")
    if rest < _HEADER.size + length:
        return None
    begin = offset + _HEADER.size
    payload = content[begin : begin + length]
    if checksum != zlib.crc32(payload):
        raise DamagedFrameError(offset, f"a record of {length} bytes does not match its checksum")
    return payload
