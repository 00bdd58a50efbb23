"""SVG: checked, styled (css/), weighed, filtered (effects/) and drawn with CairoSVG (renderer.py)."""
