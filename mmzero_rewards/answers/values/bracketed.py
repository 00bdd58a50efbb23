"""A number in brackets before its unit: "(37.5)°" is 37.5°, "(12.0 ± 0.5) cm" is a tolerance of centimetres.

>>> opened("(37.5)°"), opened("(12.0 ± 0.5) cm"), opened("(1/2)x"), opened("(2) bars")
('37.5°', '12.0 ± 0.5 cm', '(1/2)x', '(2) bars')
"""

import re

from mmzero_rewards.answers.values.units import is_known, read_unit

NUMBER = r"[+-]?\d[\d.,]{0,20}(?:/\d{1,9})?"
BRACKETED = re.compile(rf"\(\s*({NUMBER}(?:\s*±\s*{NUMBER})?)\s*\)(\s*[^\s\d].{{0,30}})")


def opened(text: str) -> str:
    """`text` without the brackets around its number, where what follows is a unit with a name."""
    match = BRACKETED.fullmatch(text)
    unit = match and read_unit(f" {match.group(2).strip()}")
    if not unit or not is_known(unit):
        return text
    return f"{match.group(1)}{match.group(2)}"
