"""Pictures as files named by the hash of their bytes: each is kept once, whoever refers to it."""

import base64
import binascii
import hashlib
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmzero_env.process import replace

ENDINGS = {"PNG": "png", "JPEG": "jpg", "MPO": "jpg", "WEBP": "webp", "GIF": "gif", "BMP": "bmp"}
"""MPO is a JPEG with further pictures behind it, as cameras write it; readers of JPEG see the first."""
HASH_CHARS = 32
LONGEST_NAME = 300
"""Characters of a path that a message shows in full; a longer one is no path, but a picture written as text."""


class BadPicture(ValueError):
    """No picture can be read from a value; the message says why, in a few words."""


class PictureStore:
    """`DIR/pictures`: bytes in, name out."""

    def __init__(self, folder: Path):
        self.folder = folder

    def add(self, content: bytes) -> str:
        """Keep a picture; returns its name.

        Raises:
            BadPicture: the bytes are no picture.
        """
        name = hashlib.sha256(content).hexdigest()[:HASH_CHARS]
        for ending in dict.fromkeys(ENDINGS.values()):
            if _holds(self.folder / f"{name}.{ending}", len(content)):
                return f"{name}.{ending}"
        name = f"{name}.{_ending(content)}"
        self.folder.mkdir(parents=True, exist_ok=True)
        replace.write(self.folder / name, content, shared=True)
        return name

    def url(self, name: str) -> str:
        """The picture as a data URL for a chat message."""
        content = (self.folder / name).read_bytes()
        kind = {"jpg": "jpeg"}.get(name.rpartition(".")[2], name.rpartition(".")[2])
        return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"


def _holds(file: Path, size: int) -> bool:
    """Is the file there and whole? A power cut can leave a name without its content."""
    try:
        return file.stat().st_size == size
    except FileNotFoundError:
        return False


def _ending(content: bytes) -> str:
    from PIL import Image

    try:
        with Image.open(io.BytesIO(content)) as picture:
            kind = str(picture.format)
            picture.load()
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise BadPicture(f"cannot be read ({type(error).__name__}: {error})"[:160]) from None
    if kind not in ENDINGS:
        raise BadPicture(f"is {kind}, not one of {', '.join(ENDINGS)}")
    return ENDINGS[kind]


def bytes_of(value: Any, folder: Path) -> list[bytes]:
    """The pictures of one cell: none for an empty cell.

    Args:
        value: raw bytes, `{"bytes", "path"}` as Hugging Face writes them, a path, a data URL, or a list of these.
        folder: that relative paths start from.
    Raises:
        BadPicture: a file is missing, or the value is of another kind.
    """
    if value is None or (isinstance(value, str) and not value.strip()):
        return []
    if isinstance(value, list | tuple):
        return [content for one in value for content in bytes_of(one, folder)]
    if isinstance(value, Mapping) and {"bytes", "path"} & set(value):
        return [bytes(value["bytes"])] if value.get("bytes") else bytes_of(value.get("path"), folder)
    if isinstance(value, bytes | bytearray | memoryview):
        return [bytes(value)]
    if isinstance(value, str):
        if value.startswith("data:"):
            try:
                return [base64.b64decode(value.partition(",")[2], validate=True)]
            except binascii.Error as error:
                raise BadPicture(f"has a damaged data URL ({error})") from None
        path = folder / value
        try:
            return [path.read_bytes()]
        except (OSError, ValueError) as error:  # ValueError: a NUL, as in bytes that were taken for text
            name = str(path) if len(str(path)) <= LONGEST_NAME else f"{str(path)[:80]}..."
            raise BadPicture(f"{name} cannot be read ({getattr(error, 'strerror', None) or error})") from None
    raise BadPicture(f"is a {type(value).__name__}, neither bytes nor a path")
