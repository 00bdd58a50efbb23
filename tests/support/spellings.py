"""The ways in which one answer is written, by kind of answer: made-up values for test_spellings.py."""

from fractions import Fraction

ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen"
    " eighteen nineteen"
)
TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
MONTHS = "January February March April May June July August September October November December"


def in_words(n: int) -> str:
    ones, tens = ONES.split(), TENS.split()
    if n < 20:
        return ones[n]
    if n < 100:
        return tens[n // 10 - 2] + (f"-{ones[n % 10]}" if n % 10 else "")
    if n < 1000:
        return f"{ones[n // 100]} hundred" + (f" and {in_words(n % 100)}" if n % 100 else "")
    return f"{in_words(n // 1000)} thousand" + (f" {in_words(n % 1000)}" if n % 1000 else "")


def hedged(text: str) -> list[str]:
    return [f"about {text}", f"≈{text}", f"~ {text}", f"\\approx {text}", f"approximately {text}", f"{text} approx."]


def wrapped(text: str) -> list[str]:
    return [
        f"${text}$",
        f"\\text{{{text}}}",
        f"\\textbf{{\\text{{{text}}}}}",
        f"\\boxed{{{text}}}",
        f"**{text}**",
        f"The answer is {text}.",
        f"\\({text}\\)",
        f'"{text}"',
    ]


def whole_number(n: int) -> list[str]:
    grouped = f"{n:,}"
    spelled = [
        str(n),
        grouped,
        grouped.replace(",", "{,}"),
        grouped.replace(",", "\\,"),
        grouped.replace(",", " "),
        grouped.replace(",", ",\\!"),
        grouped.replace(",", "'"),
        f"{n}.0",
        f"+{n}",
        f"{n}/1",
        f"{n}e0",
        f"{n}\\times10^0",
        f"\\frac{{{2 * n}}}{{2}}",
        f"\\left({n}\\right)",
        *hedged(str(n)),
        *wrapped(grouped),
        f"option {n}",
        f"#{n}",
    ]
    return [*spelled, *([in_words(n), in_words(n).replace("-", " "), in_words(n).title()] if n < 100_000 else [])]


def scientific(mantissa: int, exponent: int) -> list[str]:
    m = f"{mantissa / 10:g}"
    raised = str(exponent).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return [
        f"{m}\\times10^{{{exponent}}}",
        f"{m} \\times 10^{{{exponent}}}",
        f"{m}\\cdot10^{{{exponent}}}",
        f"{m}e{exponent}",
        f"{m}E{exponent}",
        f"{m}×10{raised}",
        f"{m} · 10^{exponent}",
        f"{m} x 10^{exponent}",
        f"${m} \\cdot 10^{{{exponent}}}$",
        f"{m}*10**{exponent}",
        str(Fraction(m) * Fraction(10) ** exponent),
    ]


def fraction(above: int, below: int) -> list[str]:
    value = Fraction(above, below)
    spelled = [
        f"{above}/{below}",
        f"\\frac{{{above}}}{{{below}}}",
        f"\\dfrac{{{above}}}{{{below}}}",
        f"\\tfrac{{{-above}}}{{{-below}}}",
        f"-\\frac{{{-above}}}{{{below}}}",
        f"{above} / {below}",
        f"\\frac{{{above}}}{{{below}}} cm",
        f"${above}⁄{below}$",
        str(value),
    ]
    if 0 < above < 10 and 1 < below < 10:
        spelled += [f"\\frac{above}{below}", f"\\frac{{{above}}}{below}", f"\\frac{above}{{{below}}}"]
    if above > below > 1 and above % below:
        spelled += [
            f"{above // below} {above % below}/{below}",
            f"{above // below}\\frac{{{above % below}}}{{{below}}}",
        ]
    return spelled


def choice(letter: str) -> list[str]:
    return [
        letter,
        f"({letter})",
        f"{letter}.",
        f"{letter})",
        f"[{letter}]",
        letter.lower(),
        f"Answer: {letter}",
        f"Option {letter}",
        f"option ({letter})",
        f"choice {letter}.",
        f"\\text{{({letter})}}",
        f"\\mathrm{{{letter}}}",
        f"The correct answer is ({letter})",
        f"The correct option is {letter}",
        f"\\textbf{{{letter}}}",
    ]


def point(x: int, y: int) -> list[str]:
    return [
        f"({x},{y})",
        f"({x}, {y})",
        f"\\left({x}, {y}\\right)",
        f"$({x},{y})$",
        f"( {x} , {y} )",
        f"({x}.0, {y})",
        f"({x};{y})",
    ]


def interval(low: int, high: int, opening: str, closing: str) -> list[str]:
    return [
        f"{opening}{low}, {high}{closing}",
        f"{opening}{low},{high}{closing}",
        f"\\left{opening}{low}, {high}\\right{closing}",
        f"x \\in {opening}{low}, {high}{closing}",
    ]


def clock(hour: int, minute: int) -> list[str]:
    half, twelve = ("PM" if hour >= 12 else "AM"), hour % 12 or 12
    spelled = [
        f"{twelve}:{minute:02} {half}",
        f"{twelve}:{minute:02}{half.lower()}",
        f"{hour}:{minute:02}",
        f"{hour:02}:{minute:02}",
        f"at {twelve}:{minute:02} {half[0].lower()}.m.",
        f"\\text{{{twelve}:{minute:02} {half}}}",
    ]
    return spelled + ([f"{twelve} {half}", f"{twelve}{half}"] if not minute else [])


def date(year: int, month: int, day: int) -> list[str]:
    name = MONTHS.split()[month - 1]
    return [
        f"{name} {day}, {year}",
        f"{day} {name} {year}",
        f"{name[:3]} {day}, {year}",
        f"{name[:3]}. {day} {year}",
        f"{year}-{month:02}-{day:02}",
        f"the {day}th of {name} {year}",
        f"on {name} {day}th, {year}",
        f"{name.upper()} {day}, {year}",
    ]


def money(units: int, cents: int) -> list[str]:
    amount = f"{units:,}.{cents:02}"
    return [
        f"${amount}",
        f"\\${amount}",
        f"{amount} dollars",
        f"USD {amount}",
        f"{amount} USD",
        f"US${amount}",
        amount,
        f"$\\${amount.replace(',', '{,}')}$",
        f"$ {amount}",
    ]


def amount(n: int, unit: str, name: str) -> list[str]:
    return [
        f"{n} {unit}",
        f"{n}\\,\\text{{{unit}}}",
        f"{n}~\\mathrm{{{unit}}}",
        f"{n}\\text{{ {unit}}}",
        f"{n} {name}",
        f"{n} {name}s",
        f"{n}\\ \\mathrm{{{unit}}}",
        f"{n:,} {unit}",
        f"{n}",
    ]


def bound(name: str, sign: int, n: int) -> list[str]:
    plain, latex, raised, words = (
        (">=", "\\geq", "≥", "at least"),
        ("<=", "\\le", "≤", "at most"),
        (">", "\\gt", "＞", "more than"),
        ("<", "\\lt", "＜", "less than"),
    )[sign]
    return [f"{name} {plain} {n}", f"{name}{plain}{n}", f"{name} {latex} {n}", f"{name} {raised} {n}", f"{words} {n}"]


def span(low: int, high: int) -> list[str]:
    return [
        f"{low}-{high}",
        f"{low}–{high}",
        f"{low} to {high}",
        f"from {low} to {high}",
        f"between {low} and {high}",
        f"{low} - {high}",
        f"\\text{{{low}–{high}}}",
    ]


def tolerance(middle: int, margin: int) -> list[str]:
    spelled = [f"{middle} ± {margin}", f"{middle} \\pm {margin}", f"{middle}±{margin}", f"{middle} +/- {margin}"]
    return [*spelled, f"{middle}.0 ± {margin}.0", f"{middle} plus or minus {margin}", f"{middle} +- {margin}"]


def roots(low: int, high: int) -> list[str]:
    spelled = [f"x = {low}, {high}", f"x = {low} or x = {high}", f"x = {low} or {high}", f"x = {high}, {low}"]
    return [
        *spelled,
        f"x = {low}, x = {high}",
        f"{low} or {high}",
        f"x \\in \\{{{low}, {high}\\}}",
        f"x={low} and x={high}",
    ]


def outside(low: int, high: int) -> list[str]:
    spelled = [f"x < {low} or x > {high}", f"x > {high} or x < {low}", f"x<{low} \\text{{ or }} x>{high}"]
    return [
        *spelled,
        f"(-∞, {low}) ∪ ({high}, ∞)",
        f"(-\\infty, {low}) \\cup ({high}, +\\infty)",
        f"x < {low} ∪ x > {high}",
    ]


def composed(n: int, above: str, below: str) -> list[str]:
    return [
        f"{n} {above}/{below}",
        f"{n} {above} {below}^-1",
        f"{n} {above}·{below}⁻¹",
        f"{n}\\ \\mathrm{{{above}\\,{below}^{{-1}}}}",
        f"{n}\\,\\text{{{above}}}/\\text{{{below}}}",
        f"{n} {above} per {below}",
    ]


def indexed(name: str, index: str, over: str) -> list[str]:
    return [
        f"{name}_{{{index}}}^{{{over}}}",
        f"${name}_{{{index}}}^{{{over}}}$",
        f"\\({name}_{{{index}}}^{{{over}}}\\)",
    ]


def micro(n: int, unit: str) -> list[str]:
    spelled = [f"{n} μ{unit}", f"{n} µ{unit}", f"{n}\\ \\mu\\mathrm{{{unit}}}", f"{n} \\mu \\mathrm{{{unit}}}"]
    return [*spelled, f"{n}\\,\\mu\\text{{{unit}}}", f"{n} \\mathrm{{~}}\\mu\\mathrm{{{unit}}}"]
