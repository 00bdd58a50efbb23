"""Which parts of a document are drawn, and where: pixels as Chromium 156 draws them, but for the one that says so."""

import pytest

from mmzero_env import RenderConfig, RenderEnv, RenderRequest, RenderStatus
from mmzero_env.draw.svg.css.geometry.unions import MOST

WHITE, BLACK, RED, BLUE, GREEN, TEAL = (
    (255, 255, 255),
    (0, 0, 0),
    (255, 0, 0),
    (0, 0, 255),
    (0, 128, 0),
    (0, 128, 128),
)
STOPS = '<stop offset="0" stop-color="red"/><stop offset="1" stop-color="blue"/>'
MARK = (
    '<marker id="f" viewBox="0 0 10 10" refX="5" refY="5" markerWidth="6" markerHeight="6">'
    '<rect width="10" height="10" fill="red"/></marker>'
)
UNSCALED = MARK.replace('id="f"', 'id="g" markerUnits="userSpaceOnUse"')
OPEN_ARROW = (
    '<marker id="m" viewBox="0 0 10 10" refX="5" refY="5" markerWidth="6" markerHeight="6">'
    '<path d="M5 0V10" fill="none" stroke="red" stroke-width="4"/></marker>'
)
DOT = '<rect x="190" y="110" width="9" height="9"/>'  # so that no picture is blank

PICTURES = {
    "a gradient with an href, used three times": (
        f'<linearGradient id="a">{STOPS}</linearGradient><linearGradient id="b" href="#a"/>'
        + "".join(f'<rect x="{x}" width="50" height="50" fill="url(#b)"/>' for x in (0, 60, 120)),
        {(25, 25): (125, 0, 130), (85, 25): (125, 0, 130), (145, 25): (125, 0, 130)},
    ),
    "a chain of gradients, each with something of its own": (
        '<linearGradient id="c" xlink:href="#b" x1="0" y1="0" x2="0" y2="1"/><linearGradient id="b" xlink:href="#a"/>'
        f'<linearGradient id="a" x2="0.5">{STOPS}</linearGradient><radialGradient id="r" href="#c"/>'
        '<rect width="40" height="40" fill="url(#c)"/><rect x="50" width="40" height="40" fill="url(#c)"/>'
        '<rect x="100" width="40" height="40" fill="url(#r)"/><rect x="150" width="40" height="40" fill="url(#r)"/>',
        {(70, 2): (239, 0, 16), (70, 37): (16, 0, 239), (120, 20): (246, 0, 9), (170, 20): (246, 0, 9)},
    ),
    "gradients that refer to each other": (
        '<linearGradient id="a" href="#b"/><linearGradient id="b" href="#a"><stop stop-color="green"/></linearGradient>'
        '<rect width="40" height="40" fill="url(#a)"/><rect x="50" width="40" height="40" fill="url(#b)"/>',
        {(20, 20): GREEN, (70, 20): GREEN},
    ),
    "a pattern with an href": (
        '<pattern id="a" width="10" height="10" patternUnits="userSpaceOnUse"><rect width="5" height="10" fill="red"/>'
        '</pattern><pattern id="b" href="#a" patternTransform="rotate(90)"/>'
        '<rect width="60" height="60" fill="url(#b)"/><rect x="80" width="60" height="60" fill="url(#b)"/>',
        {(102, 22): RED, (102, 27): WHITE, (107, 22): RED},
    ),
    "dashes end where they are none": (
        '<g stroke="black" stroke-width="3" stroke-dasharray="8 4"><path d="M10 20H190"/>'
        '<path d="M10 50H190" style="stroke-dasharray:none"/><path d="M10 80H190" stroke-dasharray="0"/></g>',
        {(20, 20): WHITE, (20, 50): BLACK, (20, 80): BLACK},
    ),
    "a marker has not the dashes of its line": (
        f'{OPEN_ARROW}<path d="M10 60H100" stroke="black" stroke-width="6" stroke-dasharray="2 30" '
        'marker-end="url(#m)"/>',
        {(100, 50): RED, (100, 60): RED, (100, 73): RED},
    ),
    "a hidden use": (
        '<defs><rect id="a" width="40" height="40" fill="red"/></defs><use href="#a" x="10" y="10" display="none"/>'
        f'<use href="#a" x="60" y="10" style="display: none"/>{DOT}',
        {(30, 30): WHITE, (80, 30): WHITE},
    ),
    "what is hidden can still be referred to": (
        f'<g display="none"><linearGradient id="g">{STOPS}</linearGradient><rect id="r" width="20" height="20"/></g>'
        '<rect width="60" height="60" fill="url(#g)"/><use href="#r" x="100" y="30"/>'
        '<symbol id="s" style="display: none"><circle cx="10" cy="10" r="10"/></symbol><use href="#s" x="150" y="10"/>',
        {(3, 30): (241, 0, 14), (110, 40): BLACK, (160, 20): WHITE, (10, 10): (212, 0, 43)},
    ),
    "markers of hidden lines": (
        f'{MARK}<g stroke="black" stroke-width="3"><path d="M10 15H100" marker-end="url(#f)" visibility="hidden"/>'
        '<path d="M10 55H100" marker-end="url(#f)" display="none"/>'
        '<path d="M10 95H100" marker-end="url(#f)" opacity="0"/>'
        f"</g>{DOT}",
        {(100, 15): WHITE, (100, 55): WHITE, (100, 95): WHITE},
    ),
    "collapsed is hidden": (f'<rect width="20" height="20" visibility="collapse"/>{DOT}', {(5, 5): WHITE}),
    "a shape fades as one": (
        '<circle cx="50" cy="50" r="40" fill="red" stroke="blue" stroke-width="10" opacity=".5"/>'
        '<g stroke="blue" stroke-width="10"><rect x="110" y="20" width="60" height="60" fill="red" opacity="50%"/></g>',
        {(50, 13): (127, 127, 255), (50, 50): (255, 127, 127), (113, 50): (127, 127, 255)},
    ),
    "a line fades with its markers": (
        f'{MARK}<path d="M10 50H100" stroke="red" stroke-width="4" opacity=".4" marker-end="url(#f)"/>',
        {(60, 50): (255, 153, 153), (100, 50): (255, 153, 153), (108, 50): (255, 153, 153)},
    ),
    "a shape that fades keeps its id": (
        '<defs><rect id="r" width="40" height="40" fill="red" stroke="blue" stroke-width="8" opacity=".5"/></defs>'
        '<use href="#r" x="20" y="20"/>',
        {(20, 40): (127, 127, 255), (40, 40): (255, 127, 127)},
    ),
    "shapes of a clip that turn in opposite ways": (
        '<clipPath id="c"><circle cx="60" cy="60" r="40"/><path d="M60 30L60 90L160 90L160 30Z"/></clipPath>'
        '<rect width="200" height="120" fill="teal" clip-path="url(#c)"/>',
        {(80, 60): TEAL, (150, 60): TEAL, (10, 10): WHITE, (110, 100): WHITE},
    ),
    "even-odd shapes of a clip, each by itself": (
        '<clipPath id="c" clip-rule="evenodd"><circle cx="60" cy="50" r="40"/><circle cx="100" cy="50" r="40"/>'
        '<path d="M120 10H190V90H120ZM140 30H170V70H140Z"/></clipPath>'
        '<rect width="200" height="100" fill="teal" clip-path="url(#c)"/>',
        {(80, 50): TEAL, (155, 50): WHITE, (130, 80): TEAL},
    ),
    "a clip of several shapes and a mask": (
        '<clipPath id="c" transform="translate(10 0)"><rect width="60" height="60"/><path d="M40 20V90H120V20Z"/>'
        '</clipPath><mask id="m"><rect width="200" height="50" fill="white"/></mask>'
        '<rect width="200" height="100" fill="teal" clip-path="url(#c)" mask="url(#m)"/>',
        {(5, 5): WHITE, (60, 30): TEAL, (120, 40): TEAL, (60, 60): WHITE, (120, 10): WHITE},
    ),
    "a clip on the shapes of a clip": (
        '<clipPath id="half"><rect width="200" height="50"/></clipPath><clipPath id="c">'
        '<rect x="10" y="10" width="60" height="100" clip-path="url(#half)"/><circle cx="150" cy="60" r="40"/>'
        '</clipPath><rect width="200" height="120" fill="teal" clip-path="url(#c)"/>',
        {(40, 30): TEAL, (40, 80): WHITE, (150, 90): TEAL},
    ),
    "a hidden shape of a clip": (
        '<clipPath id="c"><circle cx="60" cy="60" r="40"/><rect width="9" height="9" visibility="hidden"/></clipPath>'
        '<rect width="200" height="120" fill="teal" clip-path="url(#c)"/>',
        {(60, 60): TEAL, (4, 4): WHITE},
    ),
    "a group in a clip": (
        '<clipPath id="c"><g><rect x="20" y="20" width="50" height="50"/></g>'
        '<rect x="100" y="20" width="50" height="50"/></clipPath>'
        '<rect width="200" height="100" fill="teal" clip-path="url(#c)"/>',
        {(40, 40): WHITE, (120, 40): TEAL},
    ),
    "a path is no clip": (
        '<defs><path id="x" d="M0 0H5V5H0Z"/></defs><rect width="50" height="50" fill="red" clip-path="url(#x)"/>',
        {(25, 25): RED},
    ),
    "the clip of a use moves with it": (
        '<clipPath id="c"><rect width="20" height="20"/></clipPath>'
        '<defs><rect id="r" width="30" height="30" fill="red"/></defs><use href="#r" x="50" clip-path="url(#c)"/>',
        {(55, 10): RED, (75, 10): WHITE},
    ),
    "x and y of a use, with transforms": (
        '<defs><rect id="r" width="30" height="20" fill="red"/></defs>'
        '<use href="#r" x="10%" y="10" transform="scale(2)"/>'
        '<use href="#r" x="30" y="1em" style="transform: translate(90px, 50px)"/>',
        {(42, 22): RED, (38, 22): WHITE, (98, 58): RED, (122, 68): RED, (122, 63): WHITE},
    ),
    "a use in a mask that is used twice": (
        '<defs><circle id="c" r="30" fill="white"/></defs><mask id="m"><use href="#c" x="50" y="40"/>'
        '<use href="#c" x="150" y="40"/></mask><rect width="100" height="80" fill="red" mask="url(#m)"/>'
        '<rect x="100" width="100" height="80" fill="blue" mask="url(#m)"/>',
        {(50, 40): RED, (150, 40): BLUE},
    ),
    "a use in a marker": (
        '<defs><circle id="c" r="4" fill="red"/><marker id="m" viewBox="0 0 10 10" markerWidth="5" markerHeight="5" '
        'refX="5" refY="5"><use href="#c" x="5" y="5"/></marker></defs>'
        '<polyline points="20,80 60,20 100,80" fill="none" stroke="black" stroke-width="2" marker-start="url(#m)" '
        'marker-mid="url(#m)" marker-end="url(#m)"/>',
        {(20, 80): RED, (60, 20): RED, (100, 80): RED},
    ),
    "the clip of an inner svg": (
        '<clipPath id="c"><rect width="20" height="20"/></clipPath><svg x="100" y="20" width="80" height="80" '
        'viewBox="0 0 40 40" clip-path="url(#c)"><rect width="80" height="80" fill="blue"/></svg>',
        {(105, 25): BLUE, (135, 55): BLUE, (145, 65): WHITE, (10, 10): WHITE},
    ),
    "the mask of an inner svg": (
        '<mask id="m" maskUnits="userSpaceOnUse" x="0" y="0" width="200" height="100"><rect width="20" height="20" '
        'fill="white"/></mask><svg x="100" y="20" width="80" height="80" mask="url(#m)"><rect width="80" height="80" '
        'fill="blue"/></svg>',
        {(105, 25): BLUE, (135, 55): WHITE, (10, 10): WHITE},
    ),
    "a path ends at its first error": (
        '<g fill="none" stroke="black" stroke-width="4"><path d="M10,90 L100,90 L130,undefined L190,90"/>'
        '<path d="L10 10 L100 50"/><path d="M20 20L80 20L80 60 X 20 60 Z"/><path d="M100 20 L150 \u221210"/></g>',
        {(50, 90): BLACK, (120, 60): WHITE, (60, 30): WHITE, (50, 20): BLACK, (80, 40): BLACK, (50, 60): WHITE}
        | {(110, 15): WHITE},
    ),
    "points that are none": (
        f'<polyline points="10,80 40,60 70,NaN 100,40" fill="none" stroke="black" stroke-width="4"/>{DOT}',
        {(25, 70): WHITE, (85, 20): WHITE},
    ),
    "markers of a line without a width": (
        f'{MARK}<path d="M10 50H60" stroke="black" stroke-width="0" marker-end="url(#f)"/>'
        f"{UNSCALED}"
        f'<path d="M10 90H60" stroke="black" stroke-width="0" marker-end="url(#g)"/>{DOT}',
        {(60, 50): WHITE, (60, 90): RED},
    ),
    "a box without a height": (
        f'<rect y="20" width="100" fill="blue" stroke="red" stroke-width="4"/>{DOT}',
        {(60, 20): WHITE},
    ),
    "a width where there is none": (
        '<g width="0"><rect width="20" height="20"/></g><path height="0" d="M100 0h20v20h-20z"/>',
        {(10, 10): BLACK, (110, 10): BLACK},
    ),
    "the first of two ids": (
        '<linearGradient id="g"><stop stop-color="red"/></linearGradient>'
        '<linearGradient id="g"><stop stop-color="blue"/></linearGradient><rect width="50" height="50" fill="url(#g)"/>'
        '<clipPath id="k"><rect x="100" width="40" '
        'height="100"/></clipPath><clipPath id="k"><rect x="150" width="40" height="100"/></clipPath>'
        '<rect x="90" width="110" height="50" fill="green" clip-path="url(#k)"/>',
        {(25, 25): RED, (120, 25): GREEN, (170, 25): WHITE},
    ),
    "blends with what is painted, not with the ground": (
        '<rect width="60" height="60" fill="red"/><rect x="30" width="60" height="60" fill="teal" '
        'style="mix-blend-mode: screen"/>',
        {(15, 15): RED, (45, 15): (255, 128, 128), (75, 15): TEAL, (150, 15): WHITE},
    ),
}


@pytest.fixture(scope="module")
def env():
    with RenderEnv(RenderConfig(workers=2, timeout_s=20.0)) as one:
        yield one


def drawn(env, body: str):
    names = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
    result = env.render(RenderRequest(f'<svg {names} width="200" height="120">{body}</svg>', "svg"))
    assert result.status is RenderStatus.OK, result
    return result


@pytest.mark.parametrize("name", PICTURES)
def test_as_in_a_browser(env, name):
    body, pixels = PICTURES[name]
    image = drawn(env, body).image()
    got = {place: image.getpixel(place) for place in pixels}
    assert all(abs(a - b) <= 3 for place in pixels for a, b in zip(got[place], pixels[place], strict=True)), got


# With the first in place of {}, the same as with the second: what single precision does not hold is no number.
NO_NUMBERS = [
    ('<circle cx="50" cy="50" {}/>', 'r="1e999"', ""),
    ('<circle cx="50" cy="50" {}/>', 'r="1e39px"', ""),
    ('<circle cx="50" cy="50" {}/>', 'r="calc(1e200px * 2)"', ""),
    ('<ellipse cx="50" cy="50" {}/>', 'rx="calc(1e300px)" ry="5"', 'ry="5"'),
    ('<ellipse cx="50" cy="50" rx="20" ry="10" {}/>', 'transform="skewX(1e999)"', ""),
    ('<rect width="20" height="20" {}/>', 'transform="scale(1e300)"', ""),
    ('<rect width="20" height="20" {}/>', 'transform="translate(-1e40, 5)"', ""),
    ('<path stroke="red" d="M9 9H50{}"/>', "A1e999 5 0 0 1 20 20", ""),
    ('<path stroke="red" d="M9 9H50{}"/>', "V70A5 5 1e300 0 1 20 20Z", "V70"),
    ('<path stroke="red" d="M9 9{}"/>', "L50 60 " + "9" * 40 + " 2", "L50 60"),
    ('<svg width="50" height="50" {}><rect width="5" height="5"/></svg>', 'viewBox="0 0 1e300 9"', ""),
    ('<text x="9" y="90" {}>A</text>', 'font-size="1e999"', ""),
    ('<text x="-3000" y="3000" {}>A</text>', 'font-size="2e5"', 'font-size="10000"'),
    (
        f'<linearGradient id="g" {{}}>{STOPS}</linearGradient><rect width="90" height="60" fill="url(#g)"/>',
        'x2="1e40"',
        "",
    ),
]


@pytest.mark.parametrize(("body", "wrong", "meant"), NO_NUMBERS, ids=[wrong for _, wrong, _ in NO_NUMBERS])
def test_what_is_too_large_is_no_number(env, body, wrong, meant):
    assert drawn(env, body.replace("{}", wrong) + DOT).png == drawn(env, body.replace("{}", meant) + DOT).png


def test_a_hidden_piece_of_a_text_takes_no_room(env):
    body = '<text x="10" y="50" font-size="20">A{}B</text>'
    piece = '<tspan style="display:none">WWWWWW</tspan>'
    with_it, without = (drawn(env, body.format(part)) for part in (piece, ""))
    assert with_it.png == without.png and with_it.text == ("AB",)


def test_font_is_no_attribute(env):
    body = '<text x="10" y="90" {}>A</text>'
    assert drawn(env, body.format('font="bold 90px serif"')).png == drawn(env, body.format("")).png


def test_transformed_shapes_of_a_clip_are_joined(env):
    """By the specification; Chromium leaves a hole where a shape is turned over."""
    body = (
        '<clipPath id="c"><rect x="10" y="10" width="80" height="60"/><rect x="-150" y="30" width="100" height="60" '
        'transform="scale(-1 1)"/></clipPath><rect width="200" height="100" fill="teal" clip-path="url(#c)"/>'
    )
    assert drawn(env, body).image().getpixel((70, 50)) == TEAL


def test_masks_for_clips_are_few(env):
    """Each draws the whole picture: what comes after MOST is clipped as before."""
    shapes = '<rect width="200" height="60"/><rect y="60" width="100" height="60"/>'
    bars = "".join(f'<rect x="{x}" width="1" height="120" clip-path="url(#c)"/>' for x in range(2 * MOST + 20))
    result = drawn(env, f'<clipPath id="c">{shapes}</clipPath>{bars}')
    assert result.image().getpixel((2 * MOST + 10, 100)) == WHITE and result.image().getpixel((5, 100)) == BLACK
