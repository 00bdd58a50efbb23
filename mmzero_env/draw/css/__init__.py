"""CSS and units for CairoSVG: one walk over the parsed document, before it is drawn.

CairoSVG 2.9 knows the colours and lengths of SVG 1.1 and draws others as black, at size 0, or not at all.
`apply_css` computes the styles of every element as a browser does and writes them as attributes that CairoSVG knows:

* style sheets, `style` attributes and presentation attributes in the order of the cascade, with `!important`, `@media`
  (screen, light theme, width and height of the picture), `@layer`, `@supports`; `inherit`, `initial`, `unset`;
* custom properties and `var()` with fallbacks;
* the colours of CSS Color 4, `currentColor`;
* lengths: `rem em ex ch vw vh vmin vmax Q` and the absolute units, percentages, `calc() min() max() clamp()`, blanks
  before a unit; the sizes of fonts in every spelling; the `font` shorthand;
* percentages in opacities and offsets, angles in `orient`;
* `transform`, `translate`, `rotate`, `scale`, `transform-origin` and `transform-box` as properties;
* `x y width height cx cy r rx ry d` as properties; `text-transform`, `white-space`, `baseline-shift`; the background of
  the root; variables that a `<use>` gives to what it draws.

A value that a browser would ignore is ignored here. Taken more kindly than browsers do, since what is meant is clear:
lengths without a unit in a `style`, blanks before a unit, and units in a `transform` attribute.

Not covered (what of it a document uses is in `Page.notes`, unless marked with *): `color-mix()` and wide-gamut colours;
shapes (`circle()`, `polygon()`) as clip-path; filter functions; blend modes*; gradients as root background; container
and other media queries*; nested rules*; animations; `transform-box: fill-box` of text; families after the first in a
list*; `text-decoration`, `word-spacing`, `textLength`, vertical text*; `paint-order` of shapes*; font sizes in em or %
that a `<use>` hands down*.
"""

from mmzero_env.draw.css.apply import apply_css
from mmzero_env.draw.css.cascade import Page

__all__ = ["Page", "apply_css"]
