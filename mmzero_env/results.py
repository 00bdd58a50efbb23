"""What goes into the environment and what comes out."""

import io
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from PIL import Image

LANGUAGES = ("svg", "python")


class RenderStatus(Enum):
    """Why there is a picture or why there is none. Every value but OK is a failure of the code that was rendered."""

    OK = "ok"  # a picture
    EMPTY = "empty"  # no code
    TOO_LARGE = "too_large"  # more bytes, elements or nesting than the limits allow
    FORBIDDEN = (
        "forbidden"  # asks for something that the environment does not give: files, network, processes, entities
    )
    SYNTAX_ERROR = "syntax_error"  # not well-formed XML, or Python that does not compile
    RUNTIME_ERROR = "runtime_error"  # the code, or the renderer working on it, raised
    TIMEOUT = "timeout"  # over the CPU or wall-clock limit, in time of its own
    MEMORY = "memory"  # over the memory limit
    CRASH = "crash"  # the process died, or what it sent is not a result
    NO_IMAGE = "no_image"  # ran to the end without a picture
    BLANK = "blank"  # one colour everywhere
    BAD_SIZE = "bad_size"  # too small, too large, or too long for its width


def one_line(text: str) -> str:
    """`text` as one line without anything that moves a terminal's cursor or the order of letters.

    >>> one_line("a\\n\\x1b[2Jb\\u202ec")
    'a [2Jb c'
    """
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())


class RenderEnvError(RuntimeError):
    """The environment itself failed (a sandbox layer is missing, its processes are lost). Never a status: the caller
    retries or stops, it never scores."""


@dataclass(frozen=True)
class RenderRequest:
    """One snippet.

    Raises:
        ValueError: `code` is not a string, or `language` is not one of LANGUAGES.
    """

    code: str
    language: Literal["svg", "python"] = "svg"

    def __post_init__(self):
        if not isinstance(self.code, str):
            raise ValueError(f"RenderRequest.code must be a string, got {type(self.code).__name__}")
        if self.language not in LANGUAGES:
            raise ValueError(f"RenderRequest.language must be one of {', '.join(LANGUAGES)}, got {self.language!r}")


@dataclass(frozen=True)
class RenderResult:
    """Outcome of one snippet.

    `png` is an 8-bit RGB PNG of `width` x `height` pixels that this process wrote itself (None unless OK). `message` is
    one line, "" when OK. `text` holds what a reader could read in the picture, in drawing order. `wall_s` counts from
    handing the code to its process until the result was there; a cached result keeps the time of its first rendering.
    `text` is the snippet's word: any characters, within render.max_text_chars. `message` has printable ones only.
    `answers` is what Python code left in `answers`, as (easy, hard): two texts of at most wire.MAX_ANSWER printable
    characters, "" for one that it did not leave; () where it left none, and for SVG. They are claims, nothing more.
    `note` is one such line on what of the code an OK picture does not show (left out, not understood, off the canvas),
    "" if nothing is known to be missing.
    """

    status: RenderStatus
    png: bytes | None = field(repr=False)
    width: int
    height: int
    message: str
    text: tuple[str, ...]
    wall_s: float
    note: str = ""
    answers: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        return self.status is RenderStatus.OK

    def image(self) -> "Image.Image":
        """The picture as PIL image, mode RGB.

        Raises:
            ValueError: there is none; the message says why.
        """
        from PIL import Image

        if self.png is None:
            raise ValueError(f"no picture: {self.status.name}: {self.message}")
        return Image.open(io.BytesIO(self.png)).convert("RGB")
