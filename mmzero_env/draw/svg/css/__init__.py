"""CSS and units for CairoSVG: one walk over the parsed document, before it is drawn.

CairoSVG 2.9 knows the colours and lengths of SVG 1.1 and draws others as black, at size 0, or not at all.
`apply_css` computes the styles of every element as a browser does and writes them as attributes that CairoSVG knows:

* style sheets, `style` attributes and presentation attributes in the order of the cascade, with `!important`, `@media`
  (styles/media.py), `@layer`, `@supports`, rules within rules; `inherit`, `initial`, `unset`;
* custom properties and `var()` with fallbacks;
* the colours of CSS Color 4 and 5, `color-mix()` and relative colours in sRGB, HSL and OKLab, `currentColor`;
* lengths: `rem em ex ch vw vh vmin vmax Q` and the absolute units, percentages, blanks before a unit; `calc()` and the
  other mathematical functions, of lengths and of angles; the sizes of fonts in every spelling; the `font` shorthand;
  the first family of a list that is installed;
* percentages in opacities and offsets, angles in `orient`;
* `transform`, `translate`, `rotate`, `scale`, `transform-origin` and `transform-box` as properties;
* `x y width height cx cy r rx ry d` as properties; `text-transform`, `white-space`, `baseline-shift`, `writing-mode` of
  texts that stand in one place; `paint-order`; the background of the root, also gradients;
* `clip-path` by the box of an element, also as shapes (`circle()`, `polygon()`, ...), where that box is known;
* the functions of `filter` (functions.py), which ../effects draws.

`mix-blend-mode`, `clip-rule` and `vector-effect` are drawn by canvas.py, `text-decoration` and `textLength` of a text
of one piece by text_lines.py.

A value that a browser would ignore is ignored here. Taken more kindly than browsers do, since what is meant is clear:
lengths without a unit in a `style`, blanks before a unit, and units in a `transform` attribute.

Not covered (what of it a document uses is in `Page.notes`, unless marked with *): colours in Lab as mixing space and
wide gamuts but display-p3; clips by the box of an element whose box is not known; several or conic
gradients as root background; `@property`; container queries*; animations; `transform-box: fill-box` of text;
`word-spacing`, `font-variant`, `text-shadow`, vertical text that moves, upright letters in it; `textLength` of a text
of several pieces; font sizes in em or % that a `<use>` hands down*.
"""

from mmzero_env.draw.svg.css.apply import apply_css
from mmzero_env.draw.svg.css.styles.cascade import Page

__all__ = ["Page", "apply_css"]
