"""Python to pixels: a snippet that draws with matplotlib or Pillow, run in its own process behind the wall.

The snippet runs as `__main__` in the warm interpreter and may do what it likes; the wall (sandbox/) is the only
boundary. The same code draws the same picture, but for what chance.py lists. Folders it makes are there in name
(folders.py). It may import what is installed; only LIBRARIES are promised.
"""

import builtins
import os
import socket
import sys
import traceback
import types
from collections.abc import Iterator
from typing import Any

from mmzero_env import wire
from mmzero_env.config import RenderConfig
from mmzero_env.draw.errors import Refused
from mmzero_env.draw.python import chance, kept_files
from mmzero_env.draw.python.claims import claimed
from mmzero_env.draw.python.folders import Folders
from mmzero_env.results import RenderStatus

NAME = "<snippet>"
FILE = "snippet.py"
BOM = "\ufeff"  # at the start of a file it says how the file is encoded, and is no part of the program
CACHE = "mmzero_env/matplotlib"
# Dependencies of this package, so a snippet finds them wherever it is installed; the Coder's prompt names the same.
LIBRARIES = ("matplotlib", "pillow", "numpy", "scipy", "pandas")
MOST_CAUSES = 20
NOTEBOOK = ("%", "!")
WARM_UP = """
fig, (a, b) = plt.subplots(1, 2, figsize=(3, 2), layout="constrained")
a.plot([1, 2, 3], [1, 4, 2], label="a $x^2$")
a.bar([1, 2, 3], [1, 2, 3]); a.legend(); a.set_title("Warm up"); a.grid(True); a.set_xlabel("x")
b.pie([1, 2], labels=["a", "b"], autopct="%d%%"); b.annotate("t", (0, 0), (1, 1), arrowprops={"arrowstyle": "->"})
plt.savefig("warm.png", bbox_inches="tight"); plt.close("all")
picture = Image.new("RGB", (40, 40), "white"); ImageDraw.Draw(picture).text((1, 1), "a"); picture.save("warm.png")
"""


class SnippetRenderer:
    """Runs one snippet; the template makes one, each child uses its copy once. `folder`: for files of the warm-up."""

    def __init__(self, config: RenderConfig, folder: str):
        os.environ["MPLCONFIGDIR"] = font_cache(folder)
        import matplotlib

        matplotlib.use("Agg")
        import matplotlib.gridspec
        import matplotlib.patches
        import matplotlib.pyplot as plt
        import matplotlib.ticker
        from PIL import Image, ImageDraw, ImageFilter, ImageFont  # noqa: F401  (here so that snippets find them warm)

        from mmzero_env.draw.python.capture import Capture
        from mmzero_env.draw.python.desktop import Desktop

        self.config = config
        os.chdir(folder)
        first = Capture(config)
        exec(compile(WARM_UP, NAME, "exec"), {"plt": plt, "Image": Image, "ImageDraw": ImageDraw})
        first.show()
        os.unlink("warm.png")
        self.capture = Capture(config)
        self.capture.install()
        self.desktop = Desktop(self.capture.figure)
        self.desktop.install()

    def __call__(self, code: str) -> list[bytes]:
        """A packed result. Raises Refused or MemoryError."""
        main = types.ModuleType("__main__")
        main.__dict__["__builtins__"] = builtins
        builtins.exit = builtins.quit = sys.exit  # scripts use them; an interpreter without site lacks them
        sys.modules["__main__"] = main
        main.__dict__["__file__"] = os.path.join(os.getcwd(), FILE)
        sys.argv = [FILE]
        chance.fix()
        kept_files.install()  # first: what folders.py maps, it hands on
        Folders(os.getcwd()).install()
        self.capture.starts(code)
        left = run(code, main.__dict__)
        try:
            self.capture.leftover(main.__dict__)
        except Refused as refused:
            if left and refused.status is RenderStatus.NO_IMAGE:
                raise Refused(refused.status, f"the code left with {left!r} and no figure or picture") from None
            raise
        except MemoryError:
            raise
        except Exception as error:
            raise explain(error) from None
        return wire.pack_result(
            RenderStatus.OK,
            "; ".join(self.desktop.notes + self.capture.written.notes()),
            tuple(self.capture.texts),
            *self.capture.size,
            self.capture.pixels,
            self.config.max_text_chars,
            self.answers(main.__dict__),
        )

    def answers(self, names: dict[str, Any]) -> tuple[str, ...]:
        """What the snippet left; objects of its own may raise when they are read, which makes them no answers."""
        try:
            return claimed(names)
        except Exception:
            return ()


def run(code: str, names: dict[str, Any]) -> str:
    """Run the snippet in `names`; what it gave sys.exit(), "" for success. Raises Refused or MemoryError."""
    try:
        program = compile(code.removeprefix(BOM), NAME, "exec")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = f"line {error.lineno}: " if isinstance(error, SyntaxError) and error.lineno else ""
        text = error.msg if isinstance(error, SyntaxError) else str(error)
        if isinstance(error, SyntaxError) and (error.text or "").lstrip().startswith(NOTEBOOK):
            text += "; commands of a notebook are no Python"
        raise Refused(RenderStatus.SYNTAX_ERROR, f"{line}{type(error).__name__}: {text}") from None
    try:
        exec(program, names)
        return ""
    except SystemExit as left:
        return str(left.code or "")  # sys.exit() at the end of a script is no failure
    except (Refused, MemoryError):
        raise
    except BaseException as error:
        raise explain(error) from None


def explain(error: BaseException) -> Refused:
    """The status and line for what a snippet raised."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == NAME]
    where = f"line {lines[-1]}: " if lines else ""
    what = f"{where}{type(error).__name__}: {error}"
    if isinstance(error, ModuleNotFoundError):
        what += f"; there are {', '.join(LIBRARIES)} and the standard library"
    if isinstance(error, EOFError) and "reading a line" in what:
        what += "; nobody types: input() has no answer"
    if (
        type(error).__name__ == "TclError"
        or "could not connect to display" in what
        or "not implemented. Rebuild" in what
    ):
        what = f"{where}{type(error).__name__}: there are no windows; draw with {', '.join(LIBRARIES[:2])}"
    if isinstance(error, OSError) and any(of_network(one) for one in causes(error)):
        return Refused(RenderStatus.FORBIDDEN, f"{what}; there is no network")
    if isinstance(error, PermissionError) or "can't start new thread" in what:
        return Refused(RenderStatus.FORBIDDEN, what)
    if isinstance(error, ValueError) and "Image size of" in what:
        return Refused(RenderStatus.BAD_SIZE, what)
    return Refused(RenderStatus.RUNTIME_ERROR, what)


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """An error, what it was raised from or after, and so on."""
    for _ in range(MOST_CAUSES):
        if error is None:
            return
        yield error
        error = error.__cause__ or error.__context__


def of_network(error: BaseException) -> bool:
    """Raised where a connection is made: a name that nobody resolves, or a socket that the wall refuses."""
    if isinstance(error, socket.gaierror):
        return True
    frames = traceback.extract_tb(error.__traceback__)
    return isinstance(error, PermissionError) and bool(frames) and frames[-1].filename == socket.__file__


def font_cache(fallback: str) -> str:
    """A folder that outlives this template, for matplotlib's list of fonts (seconds to build); else `fallback`."""
    home = os.path.expanduser("~")
    if not (os.path.isabs(home) and os.path.isdir(home)):
        return fallback
    folder = os.path.join(home, ".cache", CACHE)
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
    except OSError:
        return fallback
    return folder if os.access(folder, os.W_OK) else fallback
