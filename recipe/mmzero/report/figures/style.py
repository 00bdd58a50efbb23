"""One look for all figures: colour-blind-safe colours (Okabe and Ito, 2008), light and dark, labelled axes."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import matplotlib
from matplotlib.axes import Axes
from matplotlib.colors import to_hex, to_rgb, to_rgba_array
from matplotlib.figure import Figure

BLUE, ORANGE, GREEN, RED, PINK, SKY, YELLOW = (
    *("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#F0E442"),
)
CYCLE = (BLUE, ORANGE, GREEN, PINK, RED, SKY, YELLOW, "#8C8C8C")
ROLES = {"proposer": BLUE, "coder": ORANGE, "solver": GREEN, "collect_coder": SKY, "collect_solver": PINK}
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
DPI = 110


@dataclass(frozen=True)
class Theme:
    name: str
    ground: str
    ink: str
    faint: str
    grid: str


LIGHT = Theme("light", "#ffffff", "#1c2430", "#5b6676", "#e4e8ee")
DARK = Theme("dark", "#161b22", "#e2e8f0", "#9aa7b8", "#2b333f")


@contextmanager
def drawing(theme: Theme) -> Iterator[None]:
    """Matplotlib settings of the theme; figures made inside do not touch global state."""
    settings = {
        "figure.facecolor": theme.ground,
        "axes.facecolor": theme.ground,
        "savefig.facecolor": theme.ground,
        "text.color": theme.ink,
        "axes.labelcolor": theme.ink,
        "axes.edgecolor": theme.faint,
        "xtick.color": theme.faint,
        "ytick.color": theme.faint,
        "grid.color": theme.grid,
        "axes.grid": True,
        "axes.axisbelow": True,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.titlesize": 10,
        "axes.titleweight": "bold",
        "axes.titlelocation": "left",
        "axes.labelsize": 9,
        "xtick.labelsize": 8,
        "ytick.labelsize": 8,
        "legend.fontsize": 8,
        "legend.frameon": False,
        "font.size": 9,
        "lines.linewidth": 1.8,
        "lines.markersize": 5,
        "hatch.linewidth": 0.6,
    }
    with matplotlib.rc_context(settings):
        yield


def figure(width: float, height: float) -> Figure:
    """An empty figure in inches, laid out by matplotlib; without pyplot, so nothing stays in memory."""
    return Figure(figsize=(width, height), dpi=DPI, layout="constrained")


def recolour(canvas: Figure, old: Theme, new: Theme) -> None:
    """Exchange the theme's colours in a finished figure; the data keep theirs."""
    pairs = {to_hex(getattr(old, name)): getattr(new, name) for name in ("ground", "ink", "faint", "grid")}
    for artist in canvas.findobj():
        for name in ("color", "facecolor", "edgecolor", "markeredgecolor", "markerfacecolor"):
            get, put = getattr(artist, f"get_{name}", None), getattr(artist, f"set_{name}", None)
            if get is None or put is None:
                continue
            value = get()
            rows = to_rgba_array(value)
            if len(rows) == 1 and (replacement := pairs.get(to_hex(rows[0]))):
                put((*to_rgb(replacement), rows[0][3]))


def nothing(axes: Axes, text: str = "no data yet") -> None:
    """Say that there is nothing instead of showing an empty frame."""
    axes.set_xticks([])
    axes.set_yticks([])
    axes.grid(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_visible(False)
    axes.text(0.5, 0.5, text, ha="center", va="center", transform=axes.transAxes, fontsize=9, alpha=0.7)


def iteration_axis(axes: Axes, iterations: list[int]) -> None:
    axes.set_xlabel("iteration")
    axes.set_xticks(iterations)
    axes.set_xlim(min(iterations) - 0.5, max(iterations) + 0.5)


def share_axis(axes: Axes, label: str, top: float = 1.0) -> None:
    """A share shown in percent."""
    axes.set_ylabel(f"{label} (%)")
    axes.set_ylim(0, 100 * top * 1.04)
