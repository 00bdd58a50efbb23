"""One preparation of a picture for all roll-outs of its prompt.

verl gives the picture of every roll-out to the Hugging Face image processor twice: for the prompt's tokens and for the
training batch. That is 60 ms of processor time for a megapixel (tests/bench/prepared.py), 16 times a prompt with 8
roll-outs. The processor's `preprocess` is pure, so its results are kept by the pictures' content.
"""

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from PIL import Image
from transformers import BatchFeature

MOST_BYTES = 1 << 29
"""Of kept results in one agent-loop process: 20 pictures of a megapixel, 80 of 512 x 512. A node of 64 cores has eight
such processes, each with an eighth of a step's prompts."""


class PreparedOnce:
    """`preprocess` of an image processor that remembers; thread-safe, and one picture is never prepared twice at once.

    Calls with anything but PIL images go through. Results share their tensors: whoever gets one must not change them
    in place (verl and transformers do not).
    """

    def __init__(self, preprocess: Callable[..., BatchFeature], most_bytes: int = MOST_BYTES):
        self._preprocess, self._most_bytes = preprocess, most_bytes
        self._entries: OrderedDict[bytes, _Entry] = OrderedDict()
        self._lock = threading.Lock()

    def __call__(self, images: Any, *args: Any, **kwargs: Any) -> BatchFeature:
        pictures = images if isinstance(images, list | tuple) else [images]
        if not pictures or not all(isinstance(picture, Image.Image) for picture in pictures):
            return self._preprocess(images, *args, **kwargs)
        entry = self._entry(_key(pictures, args, kwargs))
        with entry.lock:
            if entry.features is None:
                entry.features = self._preprocess(images, *args, **kwargs)
                self._make_room()
        return BatchFeature(dict(entry.features))

    def _entry(self, key: bytes) -> "_Entry":
        with self._lock:
            entry = self._entries.setdefault(key, _Entry())
            self._entries.move_to_end(key)
            return entry

    def _make_room(self) -> None:
        """Forget what was not asked for the longest; the newest stays, however large it is."""
        with self._lock:
            total = sum(entry.size for entry in self._entries.values())
            while total > self._most_bytes and len(self._entries) > 1:
                total -= self._entries.popitem(last=False)[1].size


class _Entry:
    def __init__(self):
        self.lock, self.features = threading.Lock(), None

    @property
    def size(self) -> int:
        values = () if self.features is None else self.features.values()
        return sum(int(getattr(value, "nbytes", 0)) for value in values)


def _key(pictures: list[Image.Image], args: tuple, kwargs: dict[str, Any]) -> bytes:
    digest = hashlib.blake2b(repr((args, sorted(kwargs.items(), key=lambda pair: pair[0]))).encode())
    for picture in pictures:
        digest.update(f"{picture.mode} {picture.size} ".encode())
        digest.update(picture.tobytes())
    return digest.digest()


def prepare_once(processor: Any) -> None:
    """Let the image processor of a Hugging Face processor remember, unless it does already."""
    preparing = processor.image_processor
    if not isinstance(preparing.preprocess, PreparedOnce):
        preparing.preprocess = PreparedOnce(preparing.preprocess)
