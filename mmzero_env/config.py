"""Limits of the rendering environment: typed, checked at once, one line per mistake."""

import math
from dataclasses import dataclass

SANDBOX = ("strict", "best_effort")
BLANK = ("fail", "allow")

# key: (least, greatest) value that makes sense
RANGES = {
    "workers": (1, 256),
    "timeout_s": (0.05, 3600.0),
    "cpu_s": (0.05, 3600.0),
    "memory_mb": (64, 1 << 20),
    "max_code_bytes": (1, 16 << 20),
    "max_side": (1, 8192),
    "min_side": (1, 8192),
    "max_aspect": (1.0, 1000.0),
    "max_declared_side": (1, 1 << 24),
    "max_elements": (1, 1_000_000),
    "max_depth": (1, 200),
    "max_text_chars": (0, 1 << 20),
    "scratch_mb": (1, 1 << 16),
    "cache_mb": (0, 1 << 16),
}
INTEGERS = {key for key, (least, _) in RANGES.items() if isinstance(least, int)}


@dataclass(frozen=True)
class RenderConfig:
    """Limits per snippet and size of the pool.

    Raises:
        ValueError: a value is impossible; the message names the key.
    """

    workers: int = 4  # snippets at the same time, each in a process of its own
    timeout_s: float = 10.0  # wall clock per snippet
    cpu_s: float = 8.0  # CPU seconds per snippet; the kernel counts whole seconds, so rounded up
    memory_mb: int = 1024  # address space of a snippet's process, above what the warm template holds
    max_code_bytes: int = 65536
    max_side: int = 1024  # pixels; larger drawings are scaled down to it
    min_side: int = 28  # pixels; smaller ones are BAD_SIZE
    sandbox: str = "strict"  # strict: refuse to start without every layer | best_effort: start and say what is off
    background: str = "white"
    blank: str = "fail"  # fail | allow: a picture of one colour
    max_aspect: float = 12.0  # longer side / shorter side
    max_declared_side: int = 16384  # user units or pixels; larger declared sizes are BAD_SIZE, not scaled down
    max_elements: int = 5000  # SVG elements, references (<use>) counted as often as they are drawn
    max_depth: int = 64  # SVG nesting
    max_text_chars: int = 20000  # of RenderResult.text together
    scratch_mb: int = 64  # files a Python snippet may hold in its own folder
    cache_mb: int = 8  # results kept, so that identical code is rendered once; 0 = none

    def __post_init__(self):
        for key, (least, greatest) in RANGES.items():
            value = getattr(self, key)
            number = isinstance(value, int if key in INTEGERS else int | float) and not isinstance(value, bool)
            if not number or not math.isfinite(value) or not least <= value <= greatest:
                kind = "a whole number" if key in INTEGERS else "a number"
                raise ValueError(f"render.{key} must be {kind} from {least} to {greatest}, got {value!r}")
        if self.min_side > self.max_side:
            raise ValueError(f"render.min_side={self.min_side} is larger than render.max_side={self.max_side}")
        for key, allowed in (("sandbox", SANDBOX), ("blank", BLANK)):
            if getattr(self, key) not in allowed:
                raise ValueError(f"render.{key} must be one of {', '.join(allowed)}, got {getattr(self, key)!r}")
        self.background_rgb()

    def background_rgb(self) -> tuple[int, int, int]:
        """The colour under the drawing.

        Raises:
            ValueError: not a colour.
        """
        from PIL import ImageColor

        try:
            return ImageColor.getrgb(self.background)[:3]
        except (ValueError, AttributeError, TypeError):
            raise ValueError(
                f"render.background must be a colour like white or #fff, got {self.background!r}"
            ) from None
