"""Where pictures come out of matplotlib and Pillow: the calls that show or save are replaced in a snippet's process.

`plt.show()`, `plt.savefig`, `Figure.savefig`, `Image.save` and `Image.show` keep the last picture, whatever name or
folder they are given; the file itself is written only if it lies in the snippet's own folder or is a buffer. Texts are
noted where matplotlib draws them and where Pillow is asked to.

The last picture that was shown or saved counts, not one that was drawn later and left open. `plt.show()` shows the
current figure and, as when a reader closes the windows, the next call of pyplot starts a new one (not with
`block=False` or `plt.ion()`). Saving the empty figure that then is the current one changes nothing.

A snippet may undo all this. It then spoils its own result and nothing else.
"""

import contextlib
import os
from collections.abc import Callable
from typing import Any

import matplotlib
import matplotlib.pyplot as plt
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image, ImageDraw

from mmzero_env.config import RenderConfig
from mmzero_env.draw.errors import Refused
from mmzero_env.draw.picture import encode_png
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
PACKED = {"RGB": "BGRX", "RGBA": "BGRA"}  # modes whose pixels Pillow hands out in the order of picture.py
PATHS = (str, bytes, os.PathLike)


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
        self._figure: Figure | None = None
        self._figure_size: tuple[int, int] | None = None
        self._figure_texts: list[str] = []
        self._pillow_texts: list[str] = []
        self._inside = False
        self._savefig, self._save = Figure.savefig, Image.Image.save

    def install(self) -> None:
        """Replace what shows and saves, for the life of this process."""
        savefig, save, draw_text, draw_canvas = self._savefig, self._save, Text.draw, FigureCanvasAgg.draw
        canvas_texts = self._figure_texts

        def text_draw(text: Text, renderer: Any, *args: Any, **kwargs: Any) -> Any:
            drawn = draw_text(text, renderer, *args, **kwargs)
            if _readable(text, renderer):
                canvas_texts.append(text.get_text())
            return drawn

        def canvas_draw(canvas: FigureCanvasAgg) -> None:
            canvas_texts.clear()  # earlier passes only measured
            draw_canvas(canvas)

        def figure_savefig(figure: Figure, fname: Any, **options: Any) -> None:
            self.figure(figure, **{key: options[key] for key in PICTURE_OPTIONS if key in options})
            as_png = str(options.get("format") or matplotlib.rcParams["savefig.format"]).lower() == "png"
            if isinstance(fname, PATHS):
                with self._quietly():
                    name, suffix = os.path.splitext(os.fsdecode(fname))
                    if suffix.lower() == ".png" or (not suffix and as_png):
                        with open(name + (suffix or ".png"), "wb") as file:
                            file.write(self._png())
                    elif suffix.lower() in PIXEL_FORMATS:
                        save(self._image(), fname)
                    else:
                        savefig(figure, fname, **options)
            elif as_png and not options.get("transparent"):
                fname.write(self._png())
            else:
                with self._quietly(forgive=False):
                    savefig(figure, fname, **options)

        def image_save(image: Image.Image, fp: Any, *args: Any, **options: Any) -> None:
            if self._inside:
                return save(image, fp, *args, **options)
            self.picture(image)
            with self._quietly(forgive=isinstance(fp, PATHS)):
                save(image, fp, *args, **options)

        Text.draw = text_draw
        FigureCanvasAgg.draw = canvas_draw
        Figure.savefig = figure_savefig
        Figure.show = lambda figure, *_, **__: self.figure(figure)
        plt.show = lambda *args, **options: self.show(*args, **options)  # matplotlib writes a signature on it
        Image.Image.save = image_save
        Image.Image.show = lambda image, *_, **__: self.picture(image)
        for name in ("text", "multiline_text"):
            setattr(ImageDraw.ImageDraw, name, self._noting(getattr(ImageDraw.ImageDraw, name)))

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
        options["dpi"] = self._dpi(figure, options.get("dpi"))
        sink = _Pixels()
        self._inside = True
        try:
            self._savefig(figure, sink, format="rgba", **options)
        finally:
            self._inside = False
        self._keep(Image.frombuffer("RGBA", sink.size, sink.data, "raw", "RGBA", 0, 1))
        self.texts = list(self._figure_texts)
        self._figure, self._figure_size = figure, self.size

    def picture(self, image: Image.Image) -> None:
        """Keep a Pillow image. One of the size of the figure that was kept last is that, opened again from a buffer."""
        below = self._figure_texts if image.size == self._figure_size else []
        self._keep(image)
        self.texts = [*below, *self._pillow_texts]
        self._figure, self._figure_size = None, self.size if below else None

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
        files = [entry for entry in os.scandir() if entry.name.lower().endswith((".png", *PIXEL_FORMATS))]
        if files:
            with Image.open(max(files, key=lambda entry: entry.stat().st_mtime_ns).path) as image:
                self.picture(image)
            return
        raise Refused(RenderStatus.NO_IMAGE, "the code ran to the end and left no figure or picture")

    def _keep(self, image: Image.Image) -> None:
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
        return Image.frombuffer("RGB", self.size, self.pixels, "raw", "BGRX", 0, 1)

    def _png(self) -> bytes:
        """The picture as a file of the snippet's own."""
        return encode_png(self.pixels, *self.size)

    def _dpi(self, figure: Figure, wanted: Any) -> float:
        dpi = matplotlib.rcParams["savefig.dpi"] if wanted is None else wanted
        dpi = float(figure.dpi if dpi == "figure" else dpi)
        width, height = (float(side) * dpi for side in figure.get_size_inches())
        longest = max(width, height)
        if not 0 < longest <= self.config.max_declared_side:
            allowed = f"from 1 to render.max_declared_side={self.config.max_declared_side}"
            raise Refused(RenderStatus.BAD_SIZE, f"figure of {width:.0f} x {height:.0f} pixels, not {allowed}")
        return dpi * min(1.0, self.config.max_side / longest)

    @contextlib.contextmanager
    def _quietly(self, forgive: bool = True):
        """Write a file of the snippet's own; that it may not be written there does not matter to the picture."""
        self._inside = True
        try:
            yield
        except OSError:
            if not forgive:
                raise
        finally:
            self._inside = False

    def _noting(self, original: Callable) -> Callable:
        def draw(canvas: ImageDraw.ImageDraw, xy: Any, text: Any, *args: Any, **options: Any) -> Any:
            outermost, self._inside = not self._inside, True
            try:
                drawn = original(canvas, xy, text, *args, **options)
            finally:
                self._inside = not outermost
            if outermost:
                self._pillow_texts.extend(line for line in str(text).splitlines() if line.strip())
            return drawn

        return draw


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


def _readable(text: Text, renderer: Any) -> bool:
    """Drawn, not transparent, and on the canvas."""
    if not text.get_visible() or not text.get_text().strip() or text.get_alpha() == 0:
        return False
    width, height = renderer.get_canvas_width_height()
    x, y = text.get_transform().transform(text.get_unitless_position())
    if 0 < x < width and 0 < y < height:
        return True  # its anchor lies within or on the edge of its box, which takes twenty times as long to find
    box = text.get_window_extent(renderer)
    return box.x1 > 0 and box.y1 > 0 and box.x0 < width and box.y0 < height


def _has_alpha(image: Image.Image) -> bool:
    if image.mode == "RGBA" and image.getchannel("A").getextrema() == (255, 255):
        return False  # as nearly all figures are: blending would cost three copies of the picture
    return image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info
