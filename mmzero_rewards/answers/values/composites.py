"""Units made of known ones: "kg m s^-1" and "kg·m/s" are kg*m/s, "J/(mol·K)" and "J/mol K" are J/(kelvin*mol).

>>> read_composite("kg m s^-1"), read_composite("W/m^2/K"), read_composite("N-m"), read_composite("s^-1")
('kg*m/s', 'W/(kelvin*m^2)', 'N*m', '/s')
>>> read_composite("red m"), read_composite("m/s)")
('', '')
"""

import re

from mmzero_rewards.answers.values.unit_names import named

MAX_CHARS = 40
COMPOSED = {"mile/h": "mph", "mile/gallon": "mpg", "h*kW": "kWh", "h*MW": "MWh", "W*h": "Wh", "GW*h": "GWh"}
COMPOSED |= {"rev/min": "rpm"}
FACTOR = re.compile(r"(°?[A-Za-z]+|[°%$€£])(?:\^?\(?([+-]?[1-4])\)?)?")
FACTORS = re.compile(r"\s*[*]\s*|\s+|(?<![\^(])-")
FORMULA = re.compile(r"(?<!\^)-[A-Za-z]|\A/|\A[A-Za-z]\^-\d\Z")
IN_COMPOSITES = {"celsius": "C"}  # J/(kg·C) leaves no doubt, and its key is that of J/(kg·°C)
RUN_ON = re.compile(r"(?<=\^[1-4])(?=[A-Za-z])|(?<=[A-Za-z])(?=°)")  # W/m^2K, J/g°C
TOGETHER = {"ms^-1": "m s^-1", "ms^-2": "m s^-2"}
"""A power below one is of metres per second, hardly of milliseconds."""


def read_composite(unit: str, attached: bool = False) -> str:
    """Normal form: what is above and below a line, each in alphabetical order; "" for anything else.

    `attached`: it touches its number, as in the formulas 3g-h and 5/s, which are none.
    """
    if len(unit) > MAX_CHARS or unit.startswith("/ ") or (attached and FORMULA.search(unit)):
        return ""
    unit = RUN_ON.sub(" ", TOGETHER.get(unit, unit))
    top, *below = unit.split("/")
    powers: dict[str, int] = {}
    for place, part in enumerate([top, *map(_without_brackets, below)]):
        factors = FACTORS.split(part.strip()) if part.strip() or place else []
        for factor in factors:
            match = FACTOR.fullmatch(factor)
            name = match and IN_COMPOSITES.get(named(match.group(1)), named(match.group(1)))
            if not name:
                return ""
            power = int(match.group(2) or 1) * (-1 if place else 1)
            powers[name] = powers.get(name, 0) + power
    return _spelled(powers)


def _without_brackets(part: str) -> str:
    """What is below the line may stand in brackets."""
    part = part.strip()
    return part[1:-1] if part[:1] == "(" and part[-1:] == ")" else part


def _spelled(powers: dict[str, int]) -> str:
    above = sorted(_raised(name, power) for name, power in powers.items() if power > 0)
    below = sorted(_raised(name, -power) for name, power in powers.items() if power < 0)
    if not above and not below:
        return ""
    bottom = "*".join(below)
    unit = "*".join(above) + (f"/{f'({bottom})' if len(below) > 1 else bottom}" if below else "")
    return COMPOSED.get(unit, unit)


def _raised(name: str, power: int) -> str:
    return name if power == 1 else f"{name}^{power}"
