"""Hostile SVG: (name, code, statuses that are right). PLAYGROUND, PORT stand for what the code may try to reach."""


def nested_use(levels: int, width: int) -> str:
    steps = "".join(
        f'<g id="a{n}">' + f'<use href="#a{n - 1}" xlink:href="#a{n - 1}"/>' * width + "</g>"
        for n in range(1, levels + 1)
    )
    return svg(
        f'<defs><rect id="a0" width="1" height="1"/>{steps}</defs><use href="#a{levels}" xlink:href="#a{levels}"/>'
    )


def chained(tag: str, attribute: str, levels: int, width: int) -> str:
    """Exponential work through url(#...) instead of <use>."""
    steps = "".join(
        f'<{tag} id="p{n}" width="9" height="9">'
        + f'<rect width="9" height="9" {attribute}="url(#p{n - 1})"/>' * width
        + f"</{tag}>"
        for n in range(1, levels + 1)
    )
    return svg(f'<{tag} id="p0"><rect width="9" height="9"/></{tag}>{steps}<rect {attribute}="url(#p{levels})"/>')


def svg(body: str, size: str = 'width="100" height="100"') -> str:
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'{size}><rect width="50" height="50" fill="red"/>{body}</svg>'
    )


LAUGHS = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 9))
DOCTYPE = '<!DOCTYPE svg [<!ENTITY e0 "ha">{}]><svg width="99" height="99"><text y="20">&e8;</text></svg>'
FILE = (
    '<!DOCTYPE svg [<!ENTITY x SYSTEM "file://PLAYGROUND/secret.txt">]>'
    '<svg width="99" height="99"><text y="20">&x;</text></svg>'
)
PARAMETER = '<!DOCTYPE svg [<!ENTITY % p SYSTEM "http://127.0.0.1:PORT/x.dtd"> %p;]><svg width="99" height="99"/>'
CIRCLES = '<circle r="9"/>' * 900
MARKER = f'<marker id="m">{CIRCLES}</marker>'
LINES = '<line x2="9" y2="9"/>' * 900
STOPPED = {"TIMEOUT", "MEMORY", "RUNTIME_ERROR", "TOO_LARGE", "CRASH"}
DRAWN = {"OK"}

CASES = [
    # work and memory
    ("use_5_levels", nested_use(5, 10), {"TOO_LARGE"}),  # CVE-2026-31899: about as many as CairoSVG itself allows
    ("use_9_levels", nested_use(9, 10), {"TOO_LARGE"}),
    ("use_500_chain", nested_use(500, 1), {"TOO_LARGE"}),  # recursion instead of width
    ("use_itself", svg('<g id="a"><use href="#a"/></g>'), {"FORBIDDEN"}),
    ("use_each_other", svg('<g id="a"><use href="#b"/></g><g id="b"><use href="#a"/></g>'), {"FORBIDDEN"}),
    ("patterns_exponential", chained("pattern", "fill", 9, 8), {"TOO_LARGE"}),
    ("masks_exponential", chained("mask", "mask", 9, 8), {"TOO_LARGE"}),
    ("clips_exponential", chained("clipPath", "clip-path", 9, 8), {"TOO_LARGE"}),
    ("pattern_in_itself", svg('<pattern id="p"><rect fill="url(#p)"/></pattern><rect fill="url(#p)"/>'), {"FORBIDDEN"}),
    ("200000_rectangles", svg('<rect width="9" height="9"/>' * 200_000), {"TOO_LARGE"}),
    ("6000_elements", svg("<g/>" * 6000), {"TOO_LARGE"}),  # fits the bytes, not the elements
    ("20000_nested", "<svg>" + "<g>" * 20_000 + "</g>" * 20_000 + "</svg>", {"TOO_LARGE"}),
    ("100_nested", svg("<g>" * 100 + "</g>" * 100), {"TOO_LARGE"}),
    ("path_loop", svg(f'<path d="M0 0 {"L9 9 L0 0 " * 5000}" stroke="black"/>'), DRAWN),
    ("dash_bomb", svg('<path d="M0 0 H99999999" stroke="black" stroke-dasharray="0.0001"/>'), DRAWN | STOPPED),
    ("marker_bomb", svg(f'{MARKER}<path marker-mid="url(#m)" d="M0 0 {"L9 9 " * 9000}"/>'), {"TOO_LARGE"}),
    ("marker_inherited", svg(f'{MARKER}<g style="marker: url(#m)"><g>{LINES}</g></g>'), {"TOO_LARGE"}),
    ("marker_by_rule", svg(f"<style>line{{marker-end:url(#m)}}</style>{MARKER}{LINES}"), {"TOO_LARGE"}),
    ("blur_bomb", svg('<filter id="f"><feGaussianBlur stdDeviation="9999"/></filter><rect filter="url(#f)"/>'), DRAWN),
    ("turbulence", svg('<filter id="f"><feTurbulence numOctaves="50"/></filter><rect filter="url(#f)"/>'), DRAWN),
    ("font_of_a_million", svg('<text y="20" font-size="1000000">A</text>'), DRAWN | STOPPED),
    ("60000_letters", svg(f"<text y='20'>{'A' * 60_000}</text>"), DRAWN | STOPPED),
    ("selectors", svg(f"<style>{'a>' * 9000}a{{fill:red}}</style>"), DRAWN | STOPPED),
    # sizes
    ("100000_square", svg("", 'width="100000" height="100000"'), {"BAD_SIZE"}),
    ("12000_square", svg("", 'width="12000" height="12000" viewBox="0 0 100 100"'), DRAWN),  # decided before drawing
    ("endless", svg("", 'width="1e400" height="100"'), {"BAD_SIZE"}),
    ("nan", svg("", 'width="nan" height="nan"'), {"BAD_SIZE"}),
    ("negative", svg("", 'width="-100" height="100"'), {"BAD_SIZE"}),
    ("zero", svg("", 'width="0" height="0"'), {"BAD_SIZE"}),
    ("thin", svg("", 'width="5000" height="30"'), {"BAD_SIZE"}),
    ("tiny", svg("", 'width="4" height="4"'), {"BAD_SIZE"}),
    ("no_size", svg("", ""), {"BAD_SIZE"}),
    ("viewbox_nonsense", svg("", 'viewBox="0 0 a b"'), {"BAD_SIZE"}),
    ("blank", '<svg viewBox="0 0 100 100"/>', {"BLANK"}),
    ("white_on_white", '<svg width="99" height="99"><text y="20" fill="white">hidden</text></svg>', {"BLANK"}),
    # reading and fetching
    ("laughs", DOCTYPE.format(LAUGHS), {"FORBIDDEN"}),
    ("external_entity", FILE, {"FORBIDDEN"}),
    ("parameter_entity", PARAMETER, {"FORBIDDEN"}),
    ("image_path", svg('<image href="PLAYGROUND/picture.png" width="50" height="50"/>'), {"FORBIDDEN"}),
    ("image_file_url", svg('<image xlink:href="file://PLAYGROUND/picture.png" width="9" height="9"/>'), {"FORBIDDEN"}),
    ("image_http", svg('<image href="http://127.0.0.1:PORT/x.png" width="9" height="9"/>'), {"FORBIDDEN"}),
    ("image_data_bomb", svg('<image href="data:image/png;base64,iVBORw0KGgo=" width="9" height="9"/>'), {"FORBIDDEN"}),
    (
        "image_prefixed",
        svg('<s:image xmlns:s="http://www.w3.org/2000/svg" href="PLAYGROUND/picture.png"/>'),
        {"FORBIDDEN"},
    ),
    ("fe_image", svg('<filter id="f"><feImage href="PLAYGROUND/picture.png"/></filter>'), {"FORBIDDEN"}),
    ("use_of_a_file", svg('<use href="PLAYGROUND/other.svg#a"/>'), {"FORBIDDEN"}),
    ("use_http", svg('<use xlink:href="http://127.0.0.1:PORT/x.svg#a"/>'), {"FORBIDDEN"}),
    ("use_data", svg('<use href="data:image/svg+xml,&lt;svg/&gt;#a"/>'), {"FORBIDDEN"}),
    ("tref", svg('<text y="20"><tref href="PLAYGROUND/other.svg"/></text>'), {"FORBIDDEN"}),
    ("link", svg('<a href="http://127.0.0.1:PORT/">x</a>'), {"FORBIDDEN"}),
    ("fill_url", svg('<rect width="9" height="9" fill="url(http://127.0.0.1:PORT/x.svg#a)"/>'), {"FORBIDDEN"}),
    ("fill_url_quoted", svg("<rect fill=\"url( 'PLAYGROUND/other.svg#a' )\"/>"), {"FORBIDDEN"}),
    ("style_url", svg('<rect style="mask: URL(PLAYGROUND/other.svg#a)"/>'), {"FORBIDDEN"}),
    ("style_import", svg('<style>@import url("http://127.0.0.1:PORT/x.css");</style>'), {"FORBIDDEN"}),
    ("style_import_string", svg('<style>@IMPORT "PLAYGROUND/x.css";</style>'), {"FORBIDDEN"}),
    ("style_import_escaped", svg('<style>@\\69mport "http://127.0.0.1:PORT/x.css";</style>'), {"FORBIDDEN"}),
    ("style_import_cdata", svg('<style><![CDATA[@import "http://127.0.0.1:PORT/x";]]></style>'), {"FORBIDDEN"}),
    ("style_in_pieces", svg('<style>@imp<!-- -->ort "http://127.0.0.1:PORT/x";</style>'), {"FORBIDDEN"}),
    ("font_face", svg("<style>@font-face{font-family:x;src:url(http://127.0.0.1:PORT/x)}</style>"), {"FORBIDDEN"}),
    ("stylesheet", '<?xml-stylesheet href="http://127.0.0.1:PORT/x.css"?>' + svg(""), {"FORBIDDEN"}),
    (
        "xinclude",
        svg('<x:include xmlns:x="http://www.w3.org/2001/XInclude" href="PLAYGROUND/other.svg"/>'),
        {"FORBIDDEN"},
    ),
    ("script", svg("<script>fetch('http://127.0.0.1:PORT/')</script>"), {"FORBIDDEN"}),
    ("foreign_object", svg('<foreignObject><iframe src="http://127.0.0.1:PORT/"/></foreignObject>'), {"FORBIDDEN"}),
    # not SVG
    ("cut_off", '<svg width="100" height="100"><rect', {"SYNTAX_ERROR"}),
    ("two_roots", svg("") + svg(""), {"SYNTAX_ERROR"}),
    ("html", "<html><body/></html>", {"SYNTAX_ERROR"}),
    ("control_character", svg("<text>\x00</text>"), {"SYNTAX_ERROR"}),
    ("lone_surrogate", svg("<text y='20'>\ud800</text>"), DRAWN | {"SYNTAX_ERROR"}),
    ("claims_utf16", '<?xml version="1.0" encoding="UTF-16"?>' + svg("<text y='20'>\u00e9</text>"), DRAWN),
    ("undefined_entity", svg("<text>&nbsp;</text>"), {"SYNTAX_ERROR"}),
    ("gzip", "\x1f\x8b\x08", {"SYNTAX_ERROR"}),
    (
        "attribute_nonsense",
        svg('<rect x="a" y="--" width="1e" transform="rotate(" opacity="no"/>'),
        DRAWN | {"RUNTIME_ERROR"},
    ),
    ("missing_font", svg('<text y="80" font-family="No Such Font">Read me</text>'), DRAWN),
    ("empty", " \n", {"EMPTY"}),
]
