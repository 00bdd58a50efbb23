"""Filter effects of SVG (https://www.w3.org/TR/filter-effects-1/): shadows, glows, blurs, textures.

CairoSVG 2.9 knows three of their primitives one by one and no chains. Here a filtered element is drawn into pixels of
its own, the primitives are applied to these one after another, and the result is painted where the element would be.

reading.py: a `<filter>` as steps with numbers. primitives.py, colours.py, neighbours.py, noise.py, lights.py: what a
step does to pixels. steps.py: which of these an element stands for. chain.py: one step after another. areas.py:
rectangles of pixels. painting.py: from an element of the drawing to its pixels and back.

Not covered: `feImage`, which the checks refuse; more than about two seconds of work (said in the result's note, and the
element is drawn without the filter). Not said: one filter that takes over another by `href`;
feTile of a turned element. BackgroundImage, FillPaint and StrokePaint are transparent, as in browsers. Taken
more kindly than there: a straight line has no area, so browsers leave it out when it has a filter in units of its box.
"""

from mmzero_env.draw.svg.effects.painting import Effects

__all__ = ["Effects"]
