"""What a value is given to where it is more than a word: P(X > 2) = 0.4, f(-2) = 7, R^2 = 0.95, AB : BC = 2 : 3.

>>> named_value("P(X > 2) = 0.4"), named_value("AB : BC = 2 : 3"), named_value("x^2 = 9")
(('p(x>2)', '0.4'), ('ab:bc', '2 : 3'), ('', ''))
"""

import re

from mmzero_rewards.answers.values.answer import NAME, NO_NAME

FORMS = (
    NAME,
    rf"{NO_NAME}[A-Za-z][\w']{{0,5}}\([^()=]{{1,30}}\)",
    r"[Rr]\^2",
    r"angle \d{1,2}",
    r"[A-Za-z]\w{0,3}\s?:\s?[A-Za-z]\w{0,3}(?=\s*=)",
)
NAMED = re.compile(rf"({'|'.join(FORMS)})\s*(?::?=|~)\s*(?=[^\s=])([^=<>~]+)")
INNER = re.compile(r"[^\w ']")


def named_value(text: str) -> tuple[str, str]:
    """(name without case, text of its value), two empty texts for none."""
    match = NAMED.fullmatch(text)
    if not match:
        return "", ""
    name = match.group(1).casefold()
    return (name.replace(" ", "") if INNER.search(name) else name), match.group(2)
