"""Limits of the rendering environment: typed, checked at once, one line per mistake."""

from dataclasses import dataclass

from mmzero_env.config.ranges import choice, number, rules_of, text, whole

SANDBOX = ("strict", "best_effort")
BLANK = ("fail", "allow")


@dataclass(frozen=True)
class RenderConfig:
    """Limits per snippet and size of the pool.

    Raises:
        ValueError: a value is impossible; the message names the key.
    """

    workers: int = whole(1, 256, default=4)  # snippets at the same time, each in a process of its own
    # wall clock per snippet, without what its process waited for a core (process/exchange.py)
    timeout_s: float = number(0.05, 3600, default=10.0)
    # CPU seconds per snippet; the kernel counts whole seconds, so rounded up
    cpu_s: float = number(0.05, 3600, default=8.0)
    # address space of a snippet's process, above what the warm template holds
    memory_mb: int = whole(64, 1 << 20, default=1024)
    max_code_bytes: int = whole(1, 16 << 20, default=65536)
    max_side: int = whole(1, 8192, default=1024)  # pixels; larger drawings are scaled down to it
    min_side: int = whole(1, 8192, default=28)  # pixels; smaller ones are BAD_SIZE
    # strict: refuse to start without every layer | best_effort: start and say what is off
    sandbox: str = choice(*SANDBOX, default="strict")
    background: str = text("a colour like white or #fff", default="white")
    blank: str = choice(*BLANK, default="fail")  # fail | allow: a picture of one colour
    max_aspect: float = number(1, 1000, default=12.0)  # longer side / shorter side
    # user units or pixels; larger declared sizes are BAD_SIZE, not scaled down
    max_declared_side: int = whole(1, 1 << 24, default=16384)
    # SVG elements, references (<use>) counted as often as they are drawn
    max_elements: int = whole(1, 1_000_000, default=5000)
    max_depth: int = whole(1, 200, default=64)  # SVG nesting
    max_text_chars: int = whole(0, 1 << 20, default=20000)  # of RenderResult.text together
    scratch_mb: int = whole(1, 1 << 16, default=64)  # files a Python snippet may hold in its own folder
    # results kept, so that identical code is rendered once; 0 = none
    cache_mb: int = whole(0, 1 << 16, default=8)

    def __post_init__(self):
        for key, rule in rules_of(type(self)).items():
            problem = rule.problem(f"render.{key}", getattr(self, key))
            if problem:
                raise ValueError(problem)
        if self.min_side > self.max_side:
            raise ValueError(f"render.min_side={self.min_side} is larger than render.max_side={self.max_side}")
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
