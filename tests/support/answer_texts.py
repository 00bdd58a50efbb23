"""Random answers and responses for property tests and tests/fuzz: pieces that mean something to the readers, put
together freely, and corpus texts cut, joined and disturbed. Not covered: long texts (hostile_answers.py)."""

import json
from pathlib import Path

from hypothesis import strategies as st

CORPUS = Path(__file__).resolve().parents[1] / "corpus"
PAIRS = [pair for pairs in json.loads((CORPUS / "grading.json").read_text("utf-8")).values() for pair in pairs]
KNOWN = sorted({text for a, b, _ in PAIRS for text in (a, b)})
RESPONSE_TEXTS = [case["text"] for case in json.loads((CORPUS / "parsing.json").read_text("utf-8"))]

PIECES = """
5|12|1/2|0.5|-|%| cm| m|$|A|. |blue|the |a | and |, |{|}|(|)|\\frac|\\text{|:|3|yes|no |, it is|option |k|M|x=|^2|\\circ
½|²|٣|1,000|e3|color |grey|"|'|/| per |h|answer: | million| B|×10^|an |.5|6.|“|∶|\u00a0|−
[|]|;|∪|∞|\\cdot|\\sqrt|\\,|{,}|\\!|~|≈|about |≥|<=|<|>|+|one |half|twenty-|thirds|first|PM|May |2024
1990s|5G|°C|€| to |or more|µ|₂|√
π|\\pi|±| or | out of |Q1 | (rounded)| is |Total: |(B)| in total|° |10-|&lt;|<b>| years old|twice|point | through
~|am| in the morning|\\cong|∥|m2| s^-1| and a half
"""
FRAGMENTS = [piece for line in PIECES.strip().splitlines() for piece in line.split("|")]
_BUILT = st.lists(st.sampled_from(FRAGMENTS), max_size=8).map("".join)
_CUT = st.tuples(st.sampled_from(KNOWN), st.sampled_from(KNOWN), st.integers(0, 12), st.integers(0, 12)).map(
    lambda parts: parts[0][: parts[2]] + parts[1][parts[3] :]
)
_DISTURBED = st.tuples(st.sampled_from(KNOWN), st.sampled_from(FRAGMENTS), st.integers(0, 12)).map(
    lambda parts: parts[0][: parts[2]] + parts[1] + parts[0][parts[2] :]
)
_JOINED = st.lists(st.sampled_from(KNOWN), min_size=2, max_size=3).map(" ".join)
ANSWERS = st.one_of(st.text(max_size=10), _BUILT, st.sampled_from(KNOWN), _CUT, _DISTURBED, _JOINED)

MARKS = r"""
<think>|</think>|\boxed{|}|\boxed {|```svg\n|```python\n|```py\n|```|<svg |<svg>|</svg>|/>
\n|  |<caption>|</caption>|{|\{
<easy_question>|</easy_question>|<easy_answer>|</easy_answer>
<hard_question>|</hard_question>|<hard_answer>|</hard_answer>
"""
MARKUP = [mark.replace("\\n", "\n") for line in MARKS.strip().splitlines() for mark in line.split("|")]
RESPONSES = st.one_of(
    st.text(max_size=30),
    st.lists(st.one_of(st.sampled_from(MARKUP), st.sampled_from(FRAGMENTS)), max_size=24).map("".join),
    st.tuples(st.sampled_from(RESPONSE_TEXTS), st.sampled_from(MARKUP), st.integers(0, 200)).map(
        lambda parts: parts[0][: parts[2]] + parts[1] + parts[0][parts[2] :]
    ),
)
