"""Drawings for tests/bench/render.py: charts, diagrams, geometry and tables of 1 to 10 KB, different for every seed."""

# ruff: noqa: E501  (markup)

import math
import random

WORDS = (
    "north",
    "south",
    "east",
    "west",
    "alpha",
    "beta",
    "gamma",
    "delta",
    "apples",
    "pears",
    "rent",
    "food",
    "travel",
    "energy",
    "steel",
    "grain",
    "copper",
    "wool",
)
COLOURS = ("#4e79a7", "#f28e2b", "#e15759", "#76b7b2", "#59a14f", "#edc948", "#b07aa1", "#9c755f")


def svg_drawings(count: int, seed: int = 0) -> list[str]:
    """`count` SVG documents; kinds take turns."""
    kinds = (bar_chart, line_chart, pie_chart, flow_diagram, geometry, table)
    return [kinds[index % len(kinds)](random.Random(f"{seed}:{index}")) for index in range(count)]


def tiny_drawings(count: int, seed: int = 0) -> list[str]:
    """112 x 112 pixels with a few shapes, as the tiny demo draws them."""
    found = []
    for index in range(count):
        rng = random.Random(f"tiny:{seed}:{index}")
        shapes = "".join(
            f'<circle cx="{rng.randrange(10, 100)}" cy="{rng.randrange(10, 100)}" r="{rng.randrange(5, 15)}" '
            f'fill="{rng.choice(COLOURS)}"/>'
            for _ in range(rng.randrange(2, 6))
        )
        found.append(f'<svg xmlns="http://www.w3.org/2000/svg" width="112" height="112">{shapes}</svg>')
    return found


def snippets(count: int, seed: int = 0) -> list[str]:
    """`count` matplotlib scripts that end in plt.savefig(TARGET)."""
    found = []
    for index in range(count):
        rng = random.Random(f"python:{seed}:{index}")
        names = rng.sample(WORDS, rng.randrange(4, 9))
        values = [rng.randrange(5, 100) for _ in names]
        draw = (
            f"ax.bar({names}, {values}, color='{rng.choice(COLOURS)}')\nax.set_ylabel('Amount')",
            f"ax.plot({values}, marker='o', label='{names[0]}')\nax.plot({values[::-1]}, label='{names[1]}')\nax.legend()",
            f"ax.pie({values}, labels={names}, autopct='%1.0f%%')",
            f"ax.scatter({values}, {values[::-1]}, s={[3 * v for v in values]})\nax.grid(True)\nax.set_xlabel('Size')",
            f"ax.barh({names}, {values})\nfor i, v in enumerate({values}):\n    ax.text(v, i, str(v))",
        )[index % 5]
        data = "\n".join(f"# {rng.choice(WORDS)} {rng.randrange(10**6)}" for _ in range(rng.randrange(40, 200)))
        found.append(
            f"import matplotlib.pyplot as plt\n{data}\nfig, ax = plt.subplots(figsize=(6.4, 4.8))\n{draw}\n"
            f"ax.set_title('{' '.join(names[:3]).title()}')\nplt.tight_layout()\nplt.savefig(TARGET)\n"
        )
    return found


def document(body: list[str], width: int = 800, height: int = 600) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">\n'
        f'<rect width="{width}" height="{height}" fill="white"/>\n' + "\n".join(body) + "\n</svg>"
    )


def label(x: float, y: float, text: object, size: int = 14, anchor: str = "middle") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" font-family="Arial" text-anchor="{anchor}">{text}</text>'


def axes(body: list[str]) -> None:
    body += [
        '<line x1="80" y1="520" x2="760" y2="520" stroke="black"/>',
        '<line x1="80" y1="60" x2="80" y2="520" stroke="black"/>',
    ]
    for step in range(6):
        y = 520 - 88 * step
        body += [f'<line x1="75" y1="{y}" x2="760" y2="{y}" stroke="#ddd"/>', label(66, y + 5, 20 * step, 12, "end")]


def bar_chart(rng: random.Random) -> str:
    body = [label(400, 36, f"Sales of {rng.choice(WORDS)} by region", 20)]
    axes(body)
    count = rng.randrange(6, 16)
    for index in range(count):
        value, x = rng.randrange(5, 100), 90 + 660 / count * index
        body += [
            f'<rect x="{x:.1f}" y="{520 - 4.4 * value:.1f}" width="{500 / count:.1f}" height="{4.4 * value:.1f}" '
            f'fill="{rng.choice(COLOURS)}" stroke="black" stroke-width="0.5"/>',
            label(x + 250 / count, 512 - 4.4 * value, value, 12),
            label(x + 250 / count, 540, rng.choice(WORDS), 12),
        ]
    return document(body)


def line_chart(rng: random.Random) -> str:
    body = [label(400, 36, "Monthly totals", 20)]
    axes(body)
    for series in range(rng.randrange(2, 5)):
        values = [rng.randrange(5, 100) for _ in range(12)]
        points = [(100 + 55 * month, 520 - 4.4 * value) for month, value in enumerate(values)]
        path = " L ".join(f"{x:.1f} {y:.1f}" for x, y in points)
        body.append(f'<path d="M {path}" fill="none" stroke="{COLOURS[series]}" stroke-width="2.5"/>')
        body += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{COLOURS[series]}"/>' for x, y in points]
        body += [f'<rect x="640" y="{70 + 22 * series}" width="14" height="14" fill="{COLOURS[series]}"/>']
        body.append(label(660, 82 + 22 * series, rng.choice(WORDS), 14, "start"))
    body += [label(100 + 55 * month, 540, month + 1, 12) for month in range(12)]
    return document(body)


def pie_chart(rng: random.Random) -> str:
    body = [label(300, 40, "Share of spending", 20)]
    values = [rng.randrange(5, 60) for _ in range(rng.randrange(5, 9))]
    angle = 0.0
    for index, value in enumerate(values):
        turn = 2 * math.pi * value / sum(values)
        a, b, middle = angle, angle + turn, angle + turn / 2
        body.append(
            f'<path d="M300 310 L{300 + 200 * math.cos(a):.2f} {310 + 200 * math.sin(a):.2f} A200 200 0 {int(turn > math.pi)} '
            f'1 {300 + 200 * math.cos(b):.2f} {310 + 200 * math.sin(b):.2f} Z" fill="{COLOURS[index % 8]}" stroke="white"/>'
        )
        body.append(label(300 + 130 * math.cos(middle), 310 + 130 * math.sin(middle), f"{100 * value // sum(values)}%"))
        body.append(f'<rect x="560" y="{120 + 34 * index}" width="20" height="20" fill="{COLOURS[index % 8]}"/>')
        body.append(label(590, 136 + 34 * index, f"{rng.choice(WORDS)} ({value})", 16, "start"))
        angle = b
    return document(body)


def flow_diagram(rng: random.Random) -> str:
    body = [
        '<defs><marker id="arrow" markerWidth="10" markerHeight="10" refX="8" refY="3" orient="auto">'
        '<path d="M0,0 L8,3 L0,6 z"/></marker><linearGradient id="shade" x1="0" y1="0" x2="0" y2="1">'
        '<stop offset="0" stop-color="#ffffff"/><stop offset="1" stop-color="#cfe2f3"/></linearGradient></defs>'
    ]
    for index in range(rng.randrange(8, 15)):
        x, y = 40 + 190 * (index % 4), 60 + 130 * (index // 4)
        body.append(f'<rect x="{x}" y="{y}" width="140" height="60" rx="10" fill="url(#shade)" stroke="#333"/>')
        body.append(label(x + 70, y + 28, rng.choice(WORDS).title()) + label(x + 70, y + 46, f"step {index + 1}", 12))
        if index % 4 < 3:
            body.append(
                f'<path d="M{x + 140} {y + 30} H{x + 186}" stroke="black" marker-end="url(#arrow)" fill="none"/>'
            )
    return document(body)


def geometry(rng: random.Random) -> str:
    body = []
    for index in range(rng.randrange(4, 8)):
        x, y = rng.randrange(120, 680), rng.randrange(120, 480)
        corners = [(x + rng.randrange(-100, 100), y + rng.randrange(-100, 100)) for _ in range(3)]
        shown = " ".join(f"{a},{b}" for a, b in corners)
        colour = COLOURS[index % 8]
        body.append(
            f'<polygon points="{shown}" fill="{colour}" fill-opacity="0.4" stroke="{colour}" stroke-width="2"/>'
        )
        body += [label(a, b - 6, "ABC"[corner] + str(index), 16) for corner, (a, b) in enumerate(corners)]
        body.append(
            f'<circle cx="{x}" cy="{y}" r="{rng.randrange(20, 90)}" fill="none" stroke="#555" stroke-dasharray="6 4"/>'
        )
        body.append(
            f'<g transform="rotate({rng.randrange(90)} {x} {y})"><rect x="{x}" y="{y}" width="60" height="30" fill="none" stroke="black"/></g>'
        )
    return document(body)


def table(rng: random.Random) -> str:
    rows, columns = rng.randrange(5, 10), 5
    body = [label(400, 36, "Inventory", 20), "<style>.head{fill:#4e79a7}.cell{fill:#fff;stroke:#999}</style>"]
    for row in range(rows):
        for column in range(columns):
            x, y = 50 + 140 * column, 60 + 52 * row
            body.append(f'<rect class="{"head" if row == 0 else "cell"}" x="{x}" y="{y}" width="140" height="52"/>')
            text = rng.choice(WORDS).title() if row == 0 or column == 0 else rng.randrange(1000)
            body.append(label(x + 70, y + 32, text, 16))
    return document(body)
