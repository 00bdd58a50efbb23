"""Units after a number: names, SI symbols with their prefixes, currencies, or a plain counting noun ("5 bars").

`read_unit` says what the text behind a number means: "" for nothing, a canonical unit, or None when the text is not a
unit, so that "5 or 6", "3 more" and "7 x 8" are not read as 5, 3 and 7. No conversion: 1 m and 100 cm differ.
"""

import re
from functools import lru_cache

from mmzero_rewards.answers.values.composites import COMPOSED, read_composite
from mmzero_rewards.answers.values.unit_names import FOLDED, KNOWN, named
from mmzero_rewards.answers.values.words import WORDS

CHANGES_MEANING = """
    approx approximately estimated est correct right and or nor to of in at on out by from than then more less fewer
    plus minus times over under above below per with without each between is are was were not no if else but for as
    the an vs versus equals into off half halves third thirds quarter quarters fourth fourths fifth fifths sixth
    sixths seventh sevenths eighth eighths ninth ninths tenth tenths hundredth hundredths noon midnight dozen dozens
    hundred hundreds thousand thousands million millions billion billions trillion lakh crore am pm ad bc bce ce st
    nd rd th mod choose squared cubed sqrt pi log sin cos tan root january february march april may june july august
    september october november december jan feb mar apr jun jul aug sep sept oct nov dec
"""
NOT_UNITS = frozenset(CHANGES_MEANING.split())
"""Words behind a number that change what it means, so the whole is not "a number with a unit"."""

POWER_WORDS = (("square ", "^2"), ("sq. ", "^2"), ("sq.", "^2"), ("sq ", "^2"), ("cubic ", "^3"), ("cu ", "^3"))
WORD_AFTER = ((" squared", "^2"), (" cubed", "^3"), (" sq", "^2"), (" sq.", "^2"))
DIMENSION = re.compile(
    r"(?:\A|\s+)(?:old|tall|long|wide|high|deep|thick|total|altogether|overall|"
    r"in (?:total|all|length|width|height|area|volume|diameter|size))\Z",
    re.IGNORECASE,
)
"""What is said of an amount behind its unit, and changes nothing: 5 years old, 12 cm tall, 36 in total."""
POWER = re.compile(r"(.+?)\s*(?:\^\s*\{?([23])\}?)")
BARE_POWER = re.compile(r"([A-Za-z]{1,5})([23])")
NOUN = re.compile(r"[^\W\d_]{3,20}(?:-[^\W\d_]{2,20})?")
NOUN_PHRASE = re.compile(r"[^\W\d_]{3,20} [^\W\d_]{3,20}s")


LENGTHS = frozenset(["m", "cm", "mm", "km", "dm", "um", "nm", "Mm", "inch", "foot", "yard", "mile", "px", "pt", "unit"])
NAMES_BEHIND = frozenset("TH")  # 5G, 3T: names
SHARE = re.compile(
    r"(?:[a-z]{3,12} )?per (1[\d,]*000)(?: (?:people|persons|inhabitants|population|residents|live births))?"
)
EACH = re.compile(
    r" (?:an?|each|every) (?=(?:hour|day|week|month|year|minute|second|night|person|pound|gallon|kilogram|piece)\b)"
)
PER_HUNDRED = re.compile(r"([A-Za-z]{1,10}) ?/ ?100 ?km")
FORMULAS = frozenset(["ma", "mj", "mv", "mw"])
"""Behind a number that they touch more likely a product of variables, 2mv, than a unit without its capital."""


@lru_cache(maxsize=4096)
def read_unit(tail: str) -> str | None:
    """Canonical unit of the text behind a number, "" for none, None if the text is something else."""
    unit = _read_unit(tail)
    base, raised, _ = (unit or "").partition("^")
    if raised and base in KNOWN and base not in LENGTHS:
        return None  # 6s^2 and 1/2kA^2 are formulas; lengths alone have squares, and others in a quotient
    return unit


def _read_unit(tail: str) -> str | None:
    if not tail:
        return ""
    attached = not tail[0].isspace()
    unit = " ".join(tail.split()).replace("° ", "°")
    if unit[-1:] == "." and unit.casefold() not in FOLDED:
        unit = unit[:-1]
    if len(unit) > 1 and unit[0] + unit[-1] in ("()", "[]"):
        unit, attached = unit[1:-1].strip(), False
        if len(unit) == 1 and unit in "ABCDEFGH":  # an option's letter
            return None
    unit = DIMENSION.sub("", unit, count=1)
    if not unit:
        return ""
    if attached and (unit in FORMULAS or unit in NAMES_BEHIND):
        return None
    if "per 1" in unit and (share := SHARE.fullmatch(unit)):
        return f"per {share.group(1).replace(',', '')}"
    unit = EACH.sub(" per ", f" {unit}", count=1).strip()
    if known := named(unit):
        return known
    unit = f" {unit}".replace(" per ", "/").strip()
    if ("/" in unit or "-" in unit or "*" in unit or " " in unit) and (composite := read_composite(unit, attached)):
        return composite
    if hundred := PER_HUNDRED.fullmatch(unit):
        above = named(hundred.group(1))
        return f"{above}/100 km" if above else None
    top, slash, bottom = unit.partition("/")
    if not slash:
        return _single(unit, attached)
    if not top.strip() and len(bottom.strip()) > 2:  # 12 per year
        below = _single(bottom.strip(), False)
        return f"/{below}" if below else None
    above, below = _single(top.strip(), attached), _single(bottom.strip(), False)
    return COMPOSED.get(f"{above}/{below}", f"{above}/{below}") if above and below else None


@lru_cache(maxsize=1024)
def is_known(unit: str) -> bool:
    """Is this canonical unit one with a name, or made of such, and no plain counting noun?"""
    return all(not part or part.partition("^")[0] in KNOWN for part in re.split(r"[/*()]+|100 ", unit))


def _single(unit: str, attached: bool) -> str | None:
    for word, power in POWER_WORDS:
        if unit.startswith(word):
            unit = unit.removeprefix(word) + power
    for word, power in WORD_AFTER:
        unit = unit.removesuffix(word) + power if unit.endswith(word) else unit
    powered = POWER.fullmatch(unit)
    if powered:
        base = _single(powered.group(1), attached)
        return f"{base}^{powered.group(2)}" if base else None
    if known := named(unit):
        return known
    bare = BARE_POWER.fullmatch(unit)
    if bare and (known := named(bare.group(1))):
        return f"{known}^{bare.group(2)}"  # 5 m2
    unit = unit.casefold()
    if attached or unit in NOT_UNITS or not NOUN.fullmatch(unit):
        return unit if not attached and _is_noun_phrase(unit) else None
    noun = singular(unit)
    return None if noun in NOT_UNITS else FOLDED.get(noun, noun)


def _is_noun_phrase(unit: str) -> bool:
    """ "red bars", not "more bars", "five bars" or "new euros"."""
    words = unit.split()
    return NOUN_PHRASE.fullmatch(unit) is not None and not any(
        word in NOT_UNITS or word in FOLDED or word in WORDS for word in words
    )


MORE_PRECISE = frozenset(
    frozenset(pair)
    for pair in (
        ("degree", "celsius"),
        ("degree", "fahrenheit"),
        ("degree", "C"),
        ("degree", "F"),
        ("C", "celsius"),
        ("C", "coulomb"),
        ("F", "fahrenheit"),
        ("F", "farad"),
        ("pound", "gbp"),
        ("pound", "lb"),
        ("percent", "percent/year"),
        ("percent", "percent/month"),
    )
)


def compatible(one: str, other: str) -> bool:
    """May be the same unit: either is missing, or one is the degree, pound, C or F that the other makes precise."""
    return one == other or not one or not other or frozenset((one, other)) in MORE_PRECISE


IRREGULAR = {"people": "person", "children": "child", "men": "man", "women": "woman", "mice": "mouse", "teeth": "tooth"}
IRREGULAR |= {"leaves": "leaf", "halves": "half", "knives": "knife", "shelves": "shelf", "vertices": "vertex"}


def singular(noun: str) -> str:
    """A noun without the ending of its plural: "boxes" -> "box", "cities" -> "city"; "glass" and "axis" stay.

    >>> [singular(word) for word in ("bars", "boxes", "cities", "glass", "axis", "bus", "sea")]
    ['bar', 'box', 'city', 'glass', 'axis', 'bus', 'sea']
    """
    if noun in IRREGULAR:
        return IRREGULAR[noun]
    if len(noun) < 4 or noun[-1] != "s" or noun[-2] in "sui":
        return noun
    if noun.endswith("ies") and len(noun) > 4:
        return noun[:-3] + "y"
    return noun[:-2] if noun.endswith(("xes", "ches", "shes", "sses")) else noun[:-1]
