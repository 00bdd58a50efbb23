"""Raw pixels to PNG, and the check for blank pictures. Both run in the owner's process, on plain numbers."""

import struct
import zlib

SIGNATURE = b"\x89PNG\r\n\x1a\n"
# Flat drawings: level 1 is 8 times faster than the default and 1.5 times larger (tests/bench/render.py prints both).
LEVEL = 1


def encode_png(pixels: bytes, width: int, height: int) -> bytes:
    """An 8-bit RGB PNG of `pixels`, which are height x width x 3 bytes in rows from the top.

    zlib releases the interpreter lock, so several results are encoded at the same time.

    Raises:
        ValueError: the number of bytes does not fit.

    >>> encode_png(bytes(3), 1, 1)[:8] == SIGNATURE
    True
    """
    stride = 3 * width
    if len(pixels) != stride * height or not pixels:
        raise ValueError(f"{len(pixels)} bytes are not {width} x {height} RGB pixels")
    view = memoryview(pixels)
    rows = b"".join([b"\0" + view[start : start + stride] for start in range(0, stride * height, stride)])
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows, LEVEL)), (b"IEND", b""))
    return SIGNATURE + b"".join(_chunk(kind, data) for kind, data in chunks)


def is_blank(pixels: bytes) -> bool:
    """True if every pixel has the same colour.

    >>> is_blank(bytes(6)), is_blank(bytes(5) + b"x")
    (True, False)
    """
    return pixels == pixels[:3] * (len(pixels) // 3)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
