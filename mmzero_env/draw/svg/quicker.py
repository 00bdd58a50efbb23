"""What CairoSVG does slowly, done at less cost; same results. It makes up for the time that styling a document takes.

Three helpers are called for every element, and cairo's status is asked for after every call: a context that failed
does nothing more and keeps saying so, so asking when an element is done is enough. The pixels lie in a mapping of their
own: of one large page, where the kernel has such pages, not of some hundred small ones, each of which costs a page
fault in a new process.
"""

import contextlib
import functools
import mmap
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlparse

import cairocffi as cairo
import cairosvg.bounding_box
import cairosvg.defs
import cairosvg.helpers
import cairosvg.path
import cairosvg.shapes
import cairosvg.surface
import cairosvg.text
import cairosvg.url

USERS = (cairosvg.bounding_box, cairosvg.defs, cairosvg.path, cairosvg.surface, cairosvg.text)
NORMALIZING = (
    cairosvg.bounding_box,
    cairosvg.helpers,
    cairosvg.path,
    cairosvg.shapes,
    cairosvg.surface,
    cairosvg.text,
)
NO_URL = urlparse("")
LARGE_PAGE = 2 << 20  # bytes; smaller pictures than half of it are left to cairo


def install() -> None:
    """For the life of this process."""
    parse = functools.lru_cache(maxsize=1024)(cairosvg.url.parse_url)

    def parse_url(url: Any, base: Any = None) -> Any:
        return parse(url, base) if url else NO_URL

    for module in USERS:
        module.parse_url = parse_url
    for module in NORMALIZING:
        module.normalize = normalize
    cairo.Context.restore, cairo.Context._check_status = restore, unasked
    # What `draw` copies: the pen's place and how far it has moved.
    cairosvg.surface.copy = SimpleNamespace(deepcopy=copied)
    cairosvg.surface.PNGSurface._create_surface = create_surface


normalize = functools.lru_cache(maxsize=4096)(cairosvg.helpers.normalize)
_ask = cairo.Context._check_status


def restore(self: cairo.Context) -> None:
    """What ends the drawing of an element. Raises cairo's errors, also those of the calls before."""
    cairo.cairo.cairo_restore(self._pointer)
    _ask(self)


def unasked(self: cairo.Context) -> None:
    """In place of asking for the status."""


def copied(cursor: tuple) -> tuple:
    """
    >>> copied(([1, 2], (3, 4), 5))
    ([1, 2], (3, 4), 5)
    """
    return tuple(list(part) if isinstance(part, list) else part for part in cursor)


def create_surface(self: object, width: float, height: float) -> tuple[cairo.ImageSurface, int, int]:
    """In place of PNGSurface's method: (surface, width, height), transparent."""
    width, height = round(width), round(height)
    stride = 4 * width
    size = stride * height
    if size < LARGE_PAGE // 2:
        return cairo.ImageSurface(cairo.FORMAT_ARGB32, width, height), width, height
    pixels = mmap.mmap(-1, -(-size // LARGE_PAGE) * LARGE_PAGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    with contextlib.suppress(OSError):  # a kernel without large pages
        pixels.madvise(mmap.MADV_HUGEPAGE)
    # As create_for_data does it, whose callback at the end of a surface needs memory that can be written and executed.
    # https://doc.courtbouillon.org/cairocffi/stable/cffi_api.html
    address = cairo.ffi.from_buffer("unsigned char[]", pixels)
    pointer = cairo.cairo.cairo_image_surface_create_for_data(address, cairo.FORMAT_ARGB32, width, height, stride)
    surface = cairo.ImageSurface._from_pointer(pointer, incref=False)
    surface.pixels = address  # lives as long
    return surface, width, height
