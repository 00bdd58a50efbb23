"""Drawings with the CSS that models write now: variables, modern colours and units, transforms as properties, tspans.

Each is put together by chance from such pieces, different for every seed.
"""

# ruff: noqa: E501  (markup)

import random

WORDS = ("Revenue", "Costs", "North", "South", "Q1", "Q2", "Apples", "Pears", "Total", "Share")


def modern_drawings(count: int, seed: int = 0) -> list[str]:
    """`count` SVG documents of 400 x 300."""
    return [document(random.Random(f"modern:{seed}:{index}")) for index in range(count)]


def colour(rng: random.Random) -> str:
    hue, light, red, green = rng.randrange(360), rng.randrange(25, 75), rng.randrange(256), rng.randrange(256)
    return rng.choice(
        (
            f"hsl({hue}, 70%, {light}%)",
            f"hsl({hue}deg 70% {light}% / 80%)",
            f"hsla({hue},80%,{light}%,0.7)",
            f"rgb({red} {green} 90)",
            f"rgb({red} {green} 90 / 60%)",
            f"rgba({red},{green},10,.5)",
            f"#{red:02x}{green:02x}a0cc",
            f"#{red % 16:x}{green % 16:x}5",
            f"hwb({hue} 10% 20%)",
            f"oklch(0.6 0.12 {hue})",
            "rebeccapurple",
            "DarkOrange",
            "var(--accent)",
            "var(--none, seagreen)",
        )
    )


def length(rng: random.Random, px: float) -> str:
    """About `px`, in one unit or another; the root's font is 16 px."""
    return rng.choice(
        (f"{px:.4g}", f"{px:.4g}px", f"{px / 16:.4g}rem", f"calc({px - 4:.4g}px + 4px)", f"{px * 0.75:.4g}pt")
    )


def document(rng: random.Random) -> str:
    pieces = (bars, rings, lines, words, boxes, turned, faded, masked, repeated, clipped)
    body = [
        piece(rng, 20 + 190 * (index % 2), 20 + 95 * (index // 2)) for index, piece in enumerate(rng.sample(pieces, 6))
    ]
    background = rng.choice(("", ' style="background: #fdfaf5"', ' style="background-color: hsl(210 40% 96%)"'))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 400 300" width="400" height="300"{background}>\n'
        f"<style>:root{{--accent:{colour(random.Random(rng.random())).replace('var(--accent)', 'teal')};--thick:3px;--label:13px}}\n"
        ".label{font:var(--label) sans-serif;fill:#333}.thick{stroke-width:var(--thick)}.dim{opacity:60%}</style>\n"
        + "\n".join(body)
        + "\n</svg>"
    )


def bars(rng: random.Random, x: int, y: int) -> str:
    return "".join(
        f'<rect x="{x + 30 * index}" y="{length(rng, y + 60 - height)}" width="{length(rng, 22)}" height="{length(rng, height)}" style="fill:{colour(rng)}"/>'
        for index in range(5)
        for height in [rng.randrange(10, 60)]
    )


def rings(rng: random.Random, x: int, y: int) -> str:
    share = rng.randrange(20, 80)
    return (
        f'<circle cx="{x + 40}" cy="{y + 35}" r="30" fill="none" stroke="#ddd" stroke-width="10"/>'
        f'<circle cx="{x + 40}" cy="{y + 35}" r="30" fill="none" stroke="{colour(rng)}" stroke-width="10" pathLength="100" stroke-dasharray="{share} 100" transform="rotate(-90 {x + 40} {y + 35})"/>'
        f'<text class="label" x="{x + 40}" y="{y + 40}" text-anchor="middle">{share}<tspan font-size="70%">%</tspan></text>'
    )


def lines(rng: random.Random, x: int, y: int) -> str:
    points = " ".join(f"{x + 30 * index},{y + rng.randrange(60)}" for index in range(6))
    return (
        f'<defs><marker id="m{x}{y}" viewBox="0 0 10 10" refX="5" refY="5" markerWidth="4" markerHeight="4" orient="auto-start-reverse"><path d="M0 0L10 5L0 10z" fill="context-stroke"/></marker></defs>'
        f'<polyline class="thick" points="{points}" fill="none" stroke="{colour(rng)}" marker-end="url(#m{x}{y})" style="stroke-dasharray:{rng.choice(("none", "0.5rem 4px", "6"))}"/>'
    )


def words(rng: random.Random, x: int, y: int) -> str:
    anchor, place = rng.choice((("start", x), ("middle", x + 80), ("end", x + 160)))
    first, second = rng.sample(WORDS, 2)
    size = rng.choice(("large", "120%", "1.2em", "1.1rem", "18px", "15pt"))
    return (
        f'<text x="{place}" y="{y + 20}" text-anchor="{anchor}" font-size="{size}">{first} <tspan fill="{colour(rng)}" font-weight="bold">{rng.randrange(100)}</tspan> of 100</text>'
        f'<text x="{place}" y="{y + 48}" text-anchor="{anchor}" class="label"><tspan x="{place}">{second}</tspan><tspan x="{place}" dy="1.2em">x<tspan baseline-shift="super" font-size="9">2</tspan> units</tspan></text>'
    )


def boxes(rng: random.Random, x: int, y: int) -> str:
    return (
        f'<defs><linearGradient id="g{x}{y}"><stop offset="0%" stop-color="{colour(rng)}"/><stop offset="100%" style="stop-color:{colour(rng)};stop-opacity:80%"/></linearGradient></defs>'
        f'<rect x="{x}" y="{y}" width="160" height="70" rx="{length(rng, 8)}" fill="url(#g{x}{y})" stroke="currentColor" color="{colour(rng)}"/>'
        f'<text x="{x + 80}" y="{y + 35}" class="label" text-anchor="middle" dominant-baseline="middle">{rng.choice(WORDS)}</text>'
    )


def turned(rng: random.Random, x: int, y: int) -> str:
    angle = rng.randrange(10, 80)
    move = rng.choice(
        (
            f"rotate({angle}deg)",
            f"rotate({angle / 360:.4f}turn) scale(.8)",
            "scale(1.2, 0.6)",
            "translate(10%, 5px)",
            f"skewX({angle // 4}deg)",
        )
    )
    return f'<rect x="{x + 50}" y="{y + 20}" width="60" height="30" fill="{colour(rng)}" style="transform-box:fill-box;transform-origin:center;transform:{move}"/>'


def faded(rng: random.Random, x: int, y: int) -> str:
    return f'<g class="dim"><circle cx="{x + 40}" cy="{y + 35}" r="30" fill="{colour(rng)}"/><circle cx="{x + 75}" cy="{y + 35}" r="30" fill="{colour(rng)}" fill-opacity="{rng.randrange(40, 100)}%"/></g>'


def masked(rng: random.Random, x: int, y: int) -> str:
    return (
        f'<mask id="k{x}{y}"><rect x="{x}" y="{y}" width="160" height="70" fill="white"/><circle cx="{x + 80}" cy="{y + 35}" r="{rng.randrange(15, 30)}" fill="{rng.choice(("black", "gray"))}"/></mask>'
        f'<rect x="{x}" y="{y}" width="160" height="70" fill="{colour(rng)}" mask="url(#k{x}{y})"/>'
    )


def repeated(rng: random.Random, x: int, y: int) -> str:
    return (
        f'<defs><symbol id="s{x}{y}" viewBox="0 0 20 20"><path d="M10 0L20 20H0z" fill="var(--c, gray)"/></symbol></defs>'
        f'<use href="#s{x}{y}" x="{x}" y="{y + 10}" width="40" height="40" style="--c:{colour(rng)}"/>'
        f'<use href="#s{x}{y}" x="{x + 60}" y="{y + 10}" width="40" height="40" style="--c:{colour(rng)}" opacity="70%"/>'
        f'<use href="#s{x}{y}" x="{x + 120}" y="{y + 10}" width="40" height="40"/>'
    )


def clipped(rng: random.Random, x: int, y: int) -> str:
    return (
        f'<clipPath id="c{x}{y}"><circle cx="{x + 60}" cy="{y + 35}" r="32"/></clipPath>'
        f'<pattern id="p{x}{y}" width="10" height="10" patternUnits="userSpaceOnUse" patternTransform="rotate(30)"><rect width="5" height="10" fill="{colour(rng)}"/></pattern>'
        f'<rect x="{x}" y="{y}" width="160" height="70" fill="url(#p{x}{y})" clip-path="url(#c{x}{y})"/>'
    )
