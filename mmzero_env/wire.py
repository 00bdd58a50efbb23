"""Messages between the owner, a template and a snippet's process.

Owner and template: whole messages over a SEQPACKET socket, ORDER one way and EVENT the other. Owner and snippet's
process: a stream socket of their own. The process first sends one greeting (READY, or FAILED and a line), then gets
the length and bytes of the code, says STARTED before it runs any of it, then sends a header, texts, answers, a message
and raw pixels (draw/picture.py), and closes its side.
Everything that arrives from a snippet's process is hostile: lengths are bounded before anything is read, and pixels are
plain numbers, so there is nothing to decode.
"""

import struct
from dataclasses import dataclass

from mmzero_env.results import RenderStatus, one_line

READY = b"R"
FAILED = b"F"
STARTED = b"S"
CODE = struct.Struct("<I")
ORDER = struct.Struct("<BI")
FORK, END, END_NOW = 1, 2, 3
EVENT = struct.Struct("<BIiIB")
# Last field of ENDED: who ended the child.
ITSELF, KILLED, OVERFULL = 0, 1, 2
HELLO, REFUSED, CHILD, ENDED = 1, 2, 3, 4
MAX_EVENT = 16384
STATUSES = list(RenderStatus)
MAGIC = b"MMZ1"
HEADER = struct.Struct("<4sBIIIII")
MAX_MESSAGE = 2000
MAX_TEXTS = 5000
ANSWERS = ("easy", "hard")
MAX_ANSWER = 200  # characters of one; an answer is a number, a word or a short phrase


class ProtocolError(Exception):
    """A snippet's process sent something that is not a result."""


@dataclass(frozen=True)
class Header:
    """`texts`, `answers` and `message` are lengths in bytes; pixels follow only for OK."""

    status: RenderStatus
    width: int
    height: int
    texts: int
    answers: int
    message: int

    @property
    def pixels(self) -> int:
        return 4 * self.width * self.height


def pack_result(
    status: RenderStatus,
    message: str = "",
    texts: tuple[str, ...] = (),
    width: int = 0,
    height: int = 0,
    pixels: bytes | memoryview = b"",
    max_text_chars: int = 0,
    answers: tuple[str, ...] = (),
) -> list[bytes]:
    """The parts of one result, cut to what `unpack_header` accepts."""
    kept, room = [], max_text_chars
    for text in texts[:MAX_TEXTS]:
        text = text[:room]
        if not text:
            break
        kept.append(text.replace("\0", " "))
        room -= len(text)
    encoded = "\0".join(kept).encode("utf-8", "replace")
    line = one_line(message).encode("utf-8", "replace")[:MAX_MESSAGE]
    claims = "\0".join(one_line(answer)[:MAX_ANSWER] for answer in answers).encode("utf-8", "replace")
    header = HEADER.pack(MAGIC, STATUSES.index(status), width, height, len(encoded), len(claims), len(line))
    return [header, encoded, claims, line, pixels]


def unpack_header(data: bytes | bytearray, max_side: int, max_text_chars: int) -> Header:
    """Raises ProtocolError unless every field is within its bounds."""
    magic, status, width, height, texts, answers, message = HEADER.unpack(data)
    if magic != MAGIC:
        raise ProtocolError("what came over the result channel is not a result")
    if status >= len(STATUSES):
        raise ProtocolError(f"unknown status {status} in the result")
    if width > max_side or height > max_side:
        raise ProtocolError(f"the result claims {width} x {height} pixels, more than {max_side}")
    if texts > 4 * max_text_chars + MAX_TEXTS or message > MAX_MESSAGE:
        raise ProtocolError(f"the result claims {texts} bytes of text and a message of {message} bytes")
    if answers > len(ANSWERS) * (4 * MAX_ANSWER + 1):
        raise ProtocolError(f"the result claims {answers} bytes of answers")
    drawn = STATUSES[status] is RenderStatus.OK
    if drawn != (width > 0 and height > 0):
        raise ProtocolError(f"the result says {STATUSES[status].name} with {width} x {height} pixels")
    return Header(STATUSES[status], width, height, texts, answers, message)


def unpack_texts(data: bytes | bytearray, max_text_chars: int) -> tuple[str, ...]:
    """Raises ProtocolError for more texts or characters than `pack_result` sends."""
    if not data:
        return ()
    if data.count(b"\0") >= MAX_TEXTS:
        raise ProtocolError(f"more than {MAX_TEXTS} texts in the result")
    texts = tuple(data.decode("utf-8", "replace").split("\0"))
    length = sum(map(len, texts))
    if length > max_text_chars:
        raise ProtocolError(f"{length} characters of text in the result, more than {max_text_chars}")
    return texts


def unpack_answers(data: bytes | bytearray) -> tuple[str, ...]:
    """(easy, hard), each one line of printable characters, or (). Raises ProtocolError for anything longer or else."""
    if not data:
        return ()
    answers = tuple(one_line(part) for part in data.decode("utf-8", "replace").split("\0"))
    if len(answers) != len(ANSWERS) or max(map(len, answers)) > MAX_ANSWER:
        raise ProtocolError(f"{len(answers)} answers of up to {max(map(len, answers))} characters in the result")
    return answers if any(answers) else ()


def unpack_message(data: bytes | bytearray) -> str:
    """One line of printable characters, whatever was sent."""
    return one_line(data.decode("utf-8", "replace"))
