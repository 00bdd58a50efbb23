"""Which words beside an option's letter are its text: "blue (B)" is B, but not "not (B)", "A or (B)", "(B) is wrong".

>>> is_text_before("12 cm"), is_text_before("A and"), is_text_before("I would not pick"), is_text_behind("is wrong")
(True, False, False, False)
"""

import re

UNFINISHED_WORDS = """
    and or nor & , ; : but not than except excluding without to of in on at by for from with near beside between like as
    is are was were be been isn't aren't wasn't weren't option options choice choices answer letter either neither both
    after before unless if when while until since because below under over through versus vs
    sin cos tan log ln det min max p > < = + - * /
"""
UNFINISHED = frozenset(UNFINISHED_WORDS.split())
"""Words, functions and signs that what stands before a letter cannot end with, were it the option's text."""

LETTER = re.compile(r"\(?[A-Ha-h]\)")  # (A) (B)
DENIED = re.compile(
    r"\b(?:not|cannot|never|neither|nor|except|excluding|wrong|incorrect|wrongly|eliminated?|rejected|rule[sd]?\s+out|"
    r"\w{2,6}n't)\b",
    re.IGNORECASE,
)
UNKNOWN = re.compile(
    r"(?:it\s+)?(?:cannot|can\s+not|can't)\s+be\s+\w{3,12}ed|not\s+(?:enough|sufficient|given|shown|possible)\b.*",
    re.IGNORECASE,
)
"""A denial that is itself an option's text: "Cannot be determined (D)", "Not enough information (D)"."""

JUDGED = re.compile(
    r"(?:is|are|was|were|isn'?t|wasn'?t|aren'?t|seems|must|should)\b|"
    r"(?:cannot|can'?t|can|could|may|might)\s+(?:not\s+)?be\s+(?:right|correct|true|wrong|false|it|the)\b|"
    r"(?:does\s+not|doesn'?t|did\s+not|didn'?t)\s+(?:work|fit|match|apply|hold)\b|"
    r"(?:not\s+(?:correct|right|it)|incorrect|wrong)\Z",
    re.IGNORECASE,
)


def is_text_before(body: str) -> bool:
    """May `body`, which stands before a letter in brackets, be the text of that option?"""
    if LETTER.fullmatch(body) or body.rstrip()[-1:] in ",;:" or body.rpartition(" ")[2].casefold() in UNFINISHED:
        return False
    return not DENIED.search(body) or UNKNOWN.fullmatch(body.strip()) is not None


def is_text_behind(body: str) -> bool:
    """May `body`, which stands behind a letter, be the text of that option, and no judgement of it?"""
    return not JUDGED.match(body) and not LETTER.fullmatch(body)
