"""Letters that a font lacks, drawn and measured in another font that has them.

cairo draws a text in one font, with an empty box for each letter that it lacks. A browser takes such a letter from
another font (CSS Fonts 4, section 5.3, step 6: installed font fallback). So formulas, arrows and check marks in a font
such as Arial come out.
"""

import contextlib
import unicodedata
from collections.abc import Iterator
from functools import lru_cache

import cairocffi as cairo

# The first has most symbols, and is what fontconfig offers for them; the next two have the letters of formulas. For a
# name that is not installed fontconfig takes its usual font, which costs one look more.
FALLBACKS = (
    "DejaVu Sans",
    "DejaVu Serif",
    "DejaVu Math TeX Gyre",
    "Noto Sans Symbols2",
    "Noto Sans Math",
    "Noto Sans CJK SC",
    "FreeSans",
    "sans-serif",
)
VARIANTS = (range(0xFE00, 0xFE10), range(0xE0100, 0xE01F0))
NOTHING = (0.0,) * 6
ABOVE = 230  # the class of marks above a letter (Unicode Standard, table 4-3)

Face = tuple[str, int, int]  # family, slant, weight


@contextlib.contextmanager
def completed(context: cairo.Context, missing: dict[str, None]) -> Iterator[None]:
    """While it lasts, `context`, whose own font does not change any more once it is asked for a letter, measures and
    draws letters of other fonts too; notes in `missing` those that no font has."""
    if "text_extents" in vars(context):  # already, for the same text
        yield
        return
    text_extents, show_text, text_path = context.text_extents, context.show_text, context.text_path

    own: list[Face] = []  # looked up once: asking cairo takes as long as drawing the letter

    def in_its_font(act, letter: str):
        """What `act` gives for a letter; None for one that draws nothing."""
        if letter.isascii():
            return act(letter)
        if not own:
            font = context.get_font_face()
            own.append((font.get_family(), font.get_slant(), font.get_weight()))
        face = stand_in(own[0], letter)
        if face == own[0]:
            return act(letter)
        if face is None:
            if invisible(letter):
                return None
            missing[letter] = None
            return act(letter)
        context.save()
        context.select_font_face(*face)
        result = act(letter)
        context.restore()
        return result

    def measure(text: str) -> tuple[float, ...]:
        if len(text) == 1:
            return in_its_font(text_extents, text) or NOTHING
        return joined([in_its_font(text_extents, letter) or NOTHING for letter in text])

    under: list[str] = []  # the letter on which marks stand

    def drawing(act):
        def draw(letter: str) -> None:
            if unicodedata.combining(letter) == ABOVE and under:
                context.rel_move_to(*to_top(measure(under[0]), measure(letter), measure("x")))
            else:
                under[:] = [letter]
            in_its_font(act, letter)

        return draw

    context.text_extents = measure
    context.show_text, context.text_path = drawing(show_text), drawing(text_path)
    try:
        yield
    finally:
        del context.text_extents, context.show_text, context.text_path


def to_top(letter: tuple[float, ...], mark: tuple[float, ...], low: tuple[float, ...]) -> tuple[float, float]:
    """How far a mark that is made for a letter as `low` as an x moves to stand on another one (all given by their
    extents): to the middle, and up as much as that one is higher. cairo asks no font where its marks go."""
    right = letter[0] + letter[2] / 2 - letter[4] - (mark[0] + mark[2] / 2)
    return right, min(0.0, letter[1] - low[1])


def joined(letters: list[tuple[float, ...]]) -> tuple[float, ...]:
    """The extents of letters in a row, as cairo computes those of a text
    (https://www.cairographics.org/manual/cairo-cairo-scaled-font-t.html#cairo-text-extents-t).

    >>> joined([(1.0, -5.0, 3.0, 5.0, 4.0, 0.0), (0.0, -7.0, 2.0, 8.0, 3.0, 0.0)])
    (1.0, -7.0, 5.0, 8.0, 7.0, 0.0)
    """
    pen, lefts, rights, tops, bottoms = 0.0, [], [], [], []
    for x, y, width, height, advance, _ in letters:
        if width and height:
            lefts.append(pen + x)
            rights.append(pen + x + width)
            tops.append(y)
            bottoms.append(y + height)
        pen += advance
    if not lefts:
        return 0.0, 0.0, 0.0, 0.0, pen, 0.0
    return min(lefts), min(tops), max(rights) - min(lefts), max(bottoms) - min(tops), pen, 0.0


def invisible(letter: str) -> bool:
    """True for what only says how others are written: joiners, soft hyphens, variants of emoji.

    >>> [invisible(letter) for letter in ("\\ufe0f", "\\u200b", "a", "\\u0301")]
    [True, True, False, False]
    """
    return unicodedata.category(letter) == "Cf" or any(ord(letter) in variants for variants in VARIANTS)


@lru_cache(maxsize=4096)
def stand_in(face: Face, letter: str) -> Face | None:
    """The first of `face` and its fallbacks that has a letter, upright or thin if need be; None where nobody has it, or
    where it is not to be seen."""
    if invisible(letter):
        return None
    _, slant, weight = face
    upright, thin = cairo.FONT_SLANT_NORMAL, cairo.FONT_WEIGHT_NORMAL
    kinds = dict.fromkeys(((slant, weight), (upright, weight), (upright, thin)))
    others = [(name, *kind) for name in FALLBACKS for kind in kinds]
    return next((one for one in (face, *others) if _has(one, letter)), None)


def _has(face: Face, letter: str) -> bool:
    context = cairo.Context(cairo.ImageSurface(cairo.FORMAT_A8, 1, 1))
    context.select_font_face(*face)
    glyphs = context.get_scaled_font().text_to_glyphs(0, 0, letter, with_clusters=False)
    return all(index for index, *_ in glyphs)
