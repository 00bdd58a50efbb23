"""The background of the root, which browsers paint over the whole picture: a colour, or gradients as a shape below.

Gradients: https://www.w3.org/TR/css-images-3/#gradients.
"""

import math
import re
from xml.etree.ElementTree import Element

import tinycss2

from mmzero_env.draw.svg.boxes import Box
from mmzero_env.draw.svg.css.geometry.viewports import view_box
from mmzero_env.draw.svg.css.styles.cascade import KEYWORDS, Page
from mmzero_env.draw.svg.css.styles.stylesheet import SVG, Declaration
from mmzero_env.draw.svg.css.values.calc import is_word, split
from mmzero_env.draw.svg.css.values.colours import colour
from mmzero_env.draw.svg.css.values.lengths import Units, angle, length_px, number, shown

PROPERTIES = ("background", "background-color", "background-image")
GRADIENT = re.compile(r"(linear|radial)-gradient\(", re.IGNORECASE)
NAME = "root-background"
SIDES = {"top": (0, -1), "bottom": (0, 1), "left": (-1, 0), "right": (1, 0)}
CENTRED = re.compile(r"(circle|ellipse)?\s*(?:farthest-corner)?\s*(?:at\s+(?:center|50%)(?:\s+(?:center|50%))?)?\Z")


def ground(root: Element, declared: list[Declaration], window: tuple[float, float] | None, page: Page) -> None:
    """Note the background that a root's styles ask for on `page`, or put it into the document."""
    for name, value, _ in declared:
        if name not in PROPERTIES or value.lower() in KEYWORDS:
            continue
        found = colour(value) or next(filter(None, map(colour, _words(value))), None)
        if found is not None:
            page.background = None if found == "currentColor" else found
        elif GRADIENT.match(value) and window is not None and _paint(root, value, window):
            continue
        elif value.lower() != "none":
            page.note(f"{name}: {value[:60]} of the root is not drawn")


def _paint(root: Element, value: str, window: tuple[float, float]) -> bool:
    """Put a shape with the gradient below everything; False if it is not understood."""
    box = _covered(root, window)
    outer = tinycss2.parse_one_component_value(value)
    if box is None or outer.type != "function":
        return False
    parts = [tinycss2.serialize(part).strip() for part in split(outer.arguments, ",")]
    gradient = _linear(parts, box) if outer.lower_name == "linear-gradient" else _radial(parts, box)
    if gradient is None:
        return False
    gradient.attrib |= {"id": NAME, "gradientUnits": "userSpaceOnUse"}
    sides = dict(zip(("x", "y", "width", "height"), map(shown, box), strict=True))
    for old in [child for child in root if child.get("data-of") == NAME]:
        root.remove(old)
    root.insert(0, Element(f"{SVG}rect", sides | {"fill": f"url(#{NAME})", "stroke": "none", "data-of": NAME}))
    root.insert(0, Element(f"{SVG}defs", {"data-of": NAME}))
    root[0].append(gradient)
    return True


def _covered(root: Element, window: tuple[float, float]) -> Box | None:
    """The whole picture in the user units of the document."""
    view = view_box(root.get("viewBox"))
    if view is None:
        return (0.0, 0.0, *window)
    left, top, width, height = view
    if root.get("preserveAspectRatio", "xMidYMid").split()[0] not in ("xMidYMid", "none"):
        return None
    scale = min(window[0] / width, window[1] / height)
    whole = window[0] / scale, window[1] / scale
    return left - (whole[0] - width) / 2, top - (whole[1] - height) / 2, *whole


def _linear(parts: list[str], box: Box) -> Element | None:
    x, y, width, height = box
    turn = angle(parts[0])
    if parts[0].startswith("to "):
        steps = [SIDES.get(word) for word in parts[0].split()[1:]]
        if not steps or None in steps:
            return None
        across, down = (sum(step[axis] for step in steps) for axis in (0, 1))
        # The line to a corner is square to the line between its neighbours.
        turn = math.degrees(math.atan2(across * (height if down else 1), -down * (width if across else 1)))
        parts = parts[1:]
    elif turn is None:
        turn = 180.0
    else:
        parts = parts[1:]
    way = math.sin(math.radians(turn)), -math.cos(math.radians(turn))
    half = (abs(width * way[0]) + abs(height * way[1])) / 2
    centre = x + width / 2, y + height / 2
    ends = (
        centre[0] - half * way[0],
        centre[1] - half * way[1],
        centre[0] + half * way[0],
        centre[1] + half * way[1],
    )
    gradient = Element(f"{SVG}linearGradient", dict(zip(("x1", "y1", "x2", "y2"), map(shown, ends), strict=True)))
    return _with_stops(gradient, parts, 2 * half)


def _radial(parts: list[str], box: Box) -> Element | None:
    x, y, width, height = box
    match = CENTRED.match(parts[0].lower())
    centre = x + width / 2, y + height / 2
    move = f"translate({shown(centre[0])} {shown(centre[1])})"
    if match and match[1] == "circle":
        radius = math.hypot(width, height) / 2
    else:
        radius = width / math.sqrt(2)
        move += f" scale(1 {shown(height / width)})"
    gradient = Element(f"{SVG}radialGradient", {"cx": "0", "cy": "0", "r": shown(radius), "gradientTransform": move})
    return _with_stops(gradient, parts[1:] if match else parts, radius)


def _with_stops(gradient: Element, parts: list[str], length: float) -> Element | None:
    """Add the stops; those without a place stand evenly between those that have one."""
    stops: list[tuple[str, float | None]] = []
    for part in parts:
        words = [token.serialize() for token in tinycss2.parse_component_value_list(part) if is_word(token)]
        paint = colour(words[0]) if words else None
        if paint is None:
            return None
        for word in words[1:] or [None]:
            place = None if word is None else _place(word, length)
            if word is not None and place is None:
                return None
            stops.append((paint, place))
    if len(stops) < 2:
        return None
    places = [place for _, place in stops]
    places[0] = 0.0 if places[0] is None else places[0]
    places[-1] = 1.0 if places[-1] is None else places[-1]
    for index, place in enumerate(places):
        if place is None:
            after = next(later for later in range(index, len(places)) if places[later] is not None)
            places[index] = places[index - 1] + (places[after] - places[index - 1]) / (after - index + 1)
        places[index] = max(places[index], places[max(0, index - 1)])
    for (paint, _), place in zip(stops, places, strict=True):
        gradient.append(Element(f"{SVG}stop", {"offset": shown(min(1.0, max(0.0, place))), "stop-color": paint}))
    return gradient


def _place(word: str, length: float) -> float | None:
    if "%" in word and "(" not in word:
        return number(word)
    found = length_px(word, Units(), length)
    return None if found is None else found / length


def _words(value: str) -> list[str]:
    """Parts between blanks outside brackets."""
    return re.findall(r"(?:[^\s(]|\([^)]*\))+", value)
