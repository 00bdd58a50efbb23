"""Where pictures come out of matplotlib and Pillow: the calls that show or save are replaced in a snippet's process.

`plt.show()`, `plt.savefig`, `Figure.savefig`, `Image.save` and `Image.show` keep the last picture, whatever name or
folder they are given. The file itself is written only if it lies in the snippet's own folder or is a buffer. One that
the code can read again has matplotlib's size, up to MOST_FILE_SIDE, and channels; another one is as the picture.

The last picture that was shown or saved counts, not one that was drawn later and left open. `plt.show()` shows the
current figure and, as when a reader closes the windows, the next call of pyplot starts a new one (not with
`block=False` or `plt.ion()`). Saving the empty figure that then is the current one changes nothing.

A snippet may undo all this. It then spoils its own result and nothing else.
"""

import contextlib
import os
from os import scandir  # the kernel's own view, whatever folders.py makes of it later
from typing import Any

import matplotlib
import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from PIL import Image

from mmzero_env.config import RenderConfig
from mmzero_env.draw.errors import Refused
from mmzero_env.draw.picture import encode_png
from mmzero_env.draw.python.folders import PATHS
from mmzero_env.draw.python.written import Written
from mmzero_env.results import RenderStatus

# Options of savefig that change the picture; those about the file format don't apply to pixels.
PICTURE_OPTIONS = (
    "dpi",
    "facecolor",
    "edgecolor",
    "bbox_inches",
    "pad_inches",
    "transparent",
    "bbox_extra_artists",
)
PIXEL_FORMATS = (".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp", ".gif")
PACKED = {"RGB": "BGRX", "RGBA": "BGRA"}  # modes whose pixels Pillow hands out in the order of ../picture.py
READING = ("open", "read")  # without these words no code reads a file
MOST_FILE_SIDE = 4096  # pixels of a figure that is written to a file: 64 MiB
# A figure is drawn again, larger, where its crop left less than this of render.max_side.
CROPPED, ROUNDING = 0.75, 0.998


class Capture:
    """The last picture of a snippet.

    `size`: (width, height), None before there is one; `pixels`: as picture.py has them; `texts`: what is written in the
    picture, in drawing order.
    """

    def __init__(self, config: RenderConfig):
        self.config = config
        self.background = config.background_rgb()
        self.size: tuple[int, int] | None = None
        self.pixels = b""
        self.texts: list[str] = []
        self.reads = True
        self.written = Written()
        self._figure: Figure | None = None
        self._savefig, self._save = Figure.savefig, Image.Image.save
        self._frombuffer = Image.frombuffer

    def starts(self, code: str) -> None:
        """What this code is about to do decides how its files are written."""
        self.reads = any(word in code for word in READING)

    def install(self) -> None:
        """Replace what shows and saves, for the life of this process."""
        savefig, save = self._savefig, self._save

        def figure_savefig(figure: Figure, fname: Any, **options: Any) -> None:
            self.figure(figure, **{key: options[key] for key in PICTURE_OPTIONS if key in options})
            is_path = isinstance(fname, PATHS)
            name, suffix = os.path.splitext(os.fsdecode(fname)) if is_path else ("", "")
            if is_path and not suffix:
                suffix = "." + str(options.get("format") or matplotlib.rcParams["savefig.format"])
            with self._quietly(forgive=is_path):
                known = suffix[1:].lower() in figure.canvas.get_supported_filetypes()
                if not is_path or suffix.lower() not in (".png", *PIXEL_FORMATS) or (self.reads and known):
                    savefig(figure, fname, **{**options, "dpi": self._dpi(figure, options.get("dpi"), MOST_FILE_SIDE)})
                elif suffix.lower() == ".png":
                    with open(name + suffix, "wb") as file:
                        file.write(encode_png(self.pixels, *self.size))
                else:
                    save(self._image(), name + suffix)

        def image_save(image: Image.Image, fp: Any, *args: Any, **options: Any) -> None:
            if self.written.busy:
                return save(image, fp, *args, **options)
            self.picture(image)
            with self._quietly(forgive=isinstance(fp, PATHS)):
                save(image, fp, *args, **options)

        self.written.install()
        Figure.savefig = figure_savefig
        Figure.show = lambda figure, *_, **__: self.figure(figure)
        plt.show = lambda *args, **options: self.show(*args, **options)  # matplotlib writes a signature on it
        Image.Image.save = image_save
        Image.Image.show = lambda image, *_, **__: self.picture(image)

    def show(self, *_: Any, block: bool | None = None, **__: Any) -> None:
        """What plt.show() does: the current figure is the picture, and pyplot goes on with a new one."""
        if plt.get_fignums():
            self.figure(plt.gcf())
            if block or (block is None and not matplotlib.is_interactive()):
                plt.close("all")

    def figure(self, figure: Figure, **options: Any) -> None:
        """Draw a figure, at most `max_side` pixels long. Raises Refused (BAD_SIZE) for absurd sizes."""
        if figure is self._figure and not figure.stale and not options:
            return  # saved a moment ago and not changed since
        if self.size is not None and figure.get_children() == [figure.patch]:
            return  # saved after plt.show(), when nothing is left in it
        wanted = options.get("dpi")
        most = self._dpi(figure, wanted, self.config.max_declared_side)
        options["dpi"] = self._dpi(figure, wanted, self.config.max_side)
        sink = self._draw(figure, options)
        left = max(sink.size) / self.config.max_side
        if options["dpi"] < most and left < CROPPED:
            options["dpi"] = min(most, options["dpi"] / left * ROUNDING)
            sink = self._draw(figure, options)
        self._keep(self._frombuffer("RGBA", sink.size, sink.data, "raw", "RGBA", 0, 1))
        self.texts = self.written.figure(figure)
        self._figure = figure

    def picture(self, image: Image.Image) -> None:
        """Keep a Pillow image."""
        self._keep(image)
        self.texts = self.written.picture(image)
        self._figure = None

    def leftover(self, names: dict[str, Any]) -> None:
        """Without anything shown or saved: the last figure left open, the last picture that has a name, or the last
        picture file, which another library wrote."""
        if self.size is not None:
            return
        if plt.get_fignums():
            self.figure(plt.gcf())
            return
        for value in reversed(list(names.values())):
            if isinstance(value, Figure):
                self.figure(value)
                return
            if isinstance(value, Image.Image):
                self.picture(value)
                return
        files = [entry for entry in scandir() if entry.name.lower().endswith((".png", *PIXEL_FORMATS))]
        if files:
            with Image.open(max(files, key=lambda entry: entry.stat().st_mtime_ns).path) as image:
                self.picture(image)
            return
        raise Refused(RenderStatus.NO_IMAGE, "the code ran to the end and left no figure or picture")

    def _keep(self, image: Image.Image) -> None:
        image = eight_bits(image)
        longest = max(image.size)
        if not min(image.size):
            raise Refused(RenderStatus.BAD_SIZE, f"size {image.size[0]} x {image.size[1]} is no picture")
        if longest > self.config.max_declared_side:
            shown = f"{image.size[0]} x {image.size[1]}"
            limit = f"render.max_declared_side={self.config.max_declared_side}"
            raise Refused(RenderStatus.BAD_SIZE, f"size {shown} is over {limit}")
        if longest > self.config.max_side:
            scale = self.config.max_side / longest
            size = tuple(max(1, round(side * scale)) for side in image.size)
            image = image.convert("RGBA" if _has_alpha(image) else "RGB").resize(size, Image.Resampling.LANCZOS)
        if _has_alpha(image):
            ground = Image.new("RGBA", image.size, self.background)
            ground.alpha_composite(image.convert("RGBA"))
            image = ground
        if image.mode not in PACKED:
            image = image.convert("RGB")
        self.size, self.pixels = image.size, image.tobytes("raw", PACKED[image.mode])

    def _image(self) -> Image.Image:
        return self._frombuffer("RGB", self.size, self.pixels, "raw", "BGRX", 0, 1)

    def _draw(self, figure: Figure, options: dict[str, Any]) -> "_Pixels":
        sink = _Pixels()
        with self._quietly(forgive=False):
            self._savefig(figure, sink, format="rgba", **options)
        return sink

    def _dpi(self, figure: Figure, wanted: Any, most_side: int) -> float:
        """What is wanted, or what makes the figure `most_side` pixels long. Raises Refused for absurd sizes."""
        dpi = matplotlib.rcParams["savefig.dpi"] if wanted is None else wanted
        dpi = float(figure.dpi if dpi == "figure" else dpi)
        width, height = (float(side) * dpi for side in figure.get_size_inches())
        longest = max(width, height)
        if not 0 < longest <= self.config.max_declared_side:
            allowed = f"from 1 to render.max_declared_side={self.config.max_declared_side}"
            raise Refused(RenderStatus.BAD_SIZE, f"figure of {width:.0f} x {height:.0f} pixels, not {allowed}")
        return dpi * min(1.0, most_side / longest)

    @contextlib.contextmanager
    def _quietly(self, forgive: bool = True):
        """Write a file of the snippet's own; that it may not be written there does not matter to the picture."""
        self.written.busy = True
        try:
            yield
        except OSError:
            if not forgive:
                raise
        finally:
            self.written.busy = False


class _Pixels:
    """A file that takes matplotlib's raw pixels with their shape."""

    def __init__(self):
        self.data: memoryview = memoryview(b"")
        self.size = (0, 0)

    def write(self, pixels: memoryview) -> None:
        height, width, _ = pixels.shape
        self.size, self.data = (width, height), pixels  # the canvas's own: to be used before it draws again

    def seek(self, *_: int) -> None:
        """matplotlib takes what has it for a file."""


def eight_bits(image: Image.Image) -> Image.Image:
    """Of numbers up to 65535 the upper eight bits, as viewers show them; those up to 255 are meant as they stand."""
    if image.mode not in ("I;16", "I") or image.getextrema()[1] <= 255:
        return image
    return image.point(lambda value: value * (1 / 256)).convert("L")


def _has_alpha(image: Image.Image) -> bool:
    if image.mode == "RGBA" and image.getchannel("A").getextrema() == (255, 255):
        return False  # as nearly all figures are: blending would cost three copies of the picture
    return image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info
