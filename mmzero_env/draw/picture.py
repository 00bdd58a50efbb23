"""Raw pixels to PNG, and the check for blank pictures. Both run in the owner's process, on plain numbers.

Pixels are height x width x 4 bytes in rows from the top, as cairo keeps them: blue, green, red, and one that is unused.
"""

import struct

import numpy as np

try:
    from isal import isal_zlib as zlib  # Intel's ISA-L, for any processor: a seventh of zlib's time, files as small
except ImportError:  # a machine that was packed before it was needed; the pictures are the same
    import zlib

PIXEL_BYTES = 4
SIGNATURE = b"\x89PNG\r\n\x1a\n"
# Flat drawings: zlib's level 1 takes about a sixth of the default's time and makes files about 1.1 times as large.
LEVEL = 1
SAMPLE = 16


def encode_png(pixels: bytes | bytearray, width: int, height: int) -> bytes:
    """An 8-bit RGB PNG. The compression releases the interpreter lock, so several results are encoded at the same time.

    Raises:
        ValueError: the number of bytes does not fit.

    >>> encode_png(bytes(4), 1, 1)[:8] == SIGNATURE
    True
    """
    grid = _grid(pixels, width, height)
    rows = np.zeros((height, 1 + 3 * width), np.uint8)  # each row starts with the number of its filter: none
    for channel in range(3):
        rows[:, 1 + channel :: 3] = grid[:, :, 2 - channel]
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows, LEVEL)), (b"IEND", b""))
    return SIGNATURE + b"".join(_chunk(kind, data) for kind, data in chunks)


def is_blank(pixels: bytes | bytearray, width: int, height: int) -> bool:
    """True if every pixel has the same colour.

    >>> is_blank(bytes(8), 2, 1), is_blank(bytes(7) + b"x", 2, 1), is_blank(bytes(6) + b"xx", 2, 1)
    (True, True, False)
    """
    colours = _grid(pixels, width, height)[:, :, :3]
    first = colours[0, 0]
    # Nearly every picture is told from a blank one by a few of its pixels.
    return bool((colours[::SAMPLE, ::SAMPLE] == first).all() and (colours == first).all())


def _grid(pixels: bytes | bytearray, width: int, height: int) -> np.ndarray:
    if len(pixels) != PIXEL_BYTES * width * height or not pixels:
        raise ValueError(f"{len(pixels)} bytes are not {width} x {height} pixels of {PIXEL_BYTES} bytes")
    return np.frombuffer(pixels, np.uint8).reshape(height, width, PIXEL_BYTES)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
