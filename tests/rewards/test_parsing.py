"""Parsing: what is valid, what is not, and that nothing is slow or changed on the way."""

import pytest

from mmzero_rewards.parsing.content_types import content_type
from mmzero_rewards.parsing.responses import (
    FormatError,
    boxed,
    extract_answer,
    extract_code,
    has_answer_format,
    looks_like_svg,
    parse_proposal,
)

BLOCKS = {
    "content_type": "data_chart",
    "caption": "A bar chart",
    "easy_question": "How many?",
    "easy_answer": "4",
    "hard_question": "What is the sum?",
    "hard_answer": "10",
}
SVG = '<svg viewBox="0 0 4 3"><rect width="4" height="3"/></svg>'


def text_of(**changes):
    return "\n".join(f"<{tag}>{body}</{tag}>" for tag, body in (BLOCKS | changes).items() if body is not None)


@pytest.mark.parametrize(
    "caption", ["a / b", "x < y", "A & B", "x<y>z", "two\nlines", "<svg>", "π ½ 图", "1 </ 2", "{}"]
)
def test_body_is_kept_character_for_character(caption):
    assert parse_proposal(text_of(caption=f"  {caption}\n")).caption == caption


@pytest.mark.parametrize(
    "text, words",
    [
        (text_of(caption=None), "<caption> is missing"),
        (text_of(hard_question=None), "<hard_question> is missing"),
        (text_of(easy_answer=" \n"), "<easy_answer> is empty"),
        (text_of() + "<caption>x</caption>", "<caption> occurs more than once"),
        (text_of() + "</caption>", "<caption> occurs more than once"),  # a stray end tag
        ("</caption>" + text_of(), "<caption> occurs more than once"),
        (text_of(caption="a <easy_question>x</easy_question> b", easy_question=None), "stands inside <caption>"),
        (text_of(caption="a <caption>b"), "<caption> occurs more than once"),
        (text_of().removesuffix("</hard_answer>"), "<hard_answer> is not closed"),  # also the last one
        (text_of().replace("</caption>", ""), "<caption> is not closed"),
        (text_of().replace("<caption>", "<Caption>"), "<caption> is missing"),  # lower case only
        (text_of().replace("<caption>", "< caption >"), "<caption> is missing"),
        (text_of() + "<content_type>map</content_type>", "<content_type> occurs more than once"),
        ("", "<caption> is missing"),
    ],
)
def test_format_error(text, words):
    with pytest.raises(FormatError, match=words):
        parse_proposal(text)


def test_text_around_blocks_and_any_order_are_allowed():
    shuffled = "Sure!\n" + "\nnote\n".join(reversed(text_of().splitlines())) + "\ndone"
    assert parse_proposal(shuffled) == parse_proposal(text_of())


@pytest.mark.parametrize(
    "tag, expected",
    [
        ("data_chart", "data_chart"),
        ("Data Chart", "data_chart"),  # case and blank-for-underscore
        (" MAP\n", "map"),
        ("chart", "other"),  # not on the list, and no keyword in the caption
        ("", "other"),
        (None, "other"),  # missing: no format error
    ],
)
def test_content_type_tag(tag, expected):
    assert parse_proposal(text_of(content_type=tag, caption="Nine tiles")).content_type == expected


@pytest.mark.parametrize(
    "caption, word, substring",
    [
        ("a flow chart and a pie chart", "diagram", "diagram"),  # classes are tried in order
        ("two bar charts", "data_chart", "data_chart"),  # plural
        ("a rectangular room", "other", "other"),
        ("a roadmap", "other", "map"),
        ("vegetables", "other", "table"),
        ("three radii", "geometry", "other"),
        ("countries by size", "map", "other"),
        ("network diagram", "diagram", "diagram"),
        ("GANTT of a build", "timeline", "timeline"),
        ("a map-like sketch", "map", "map"),
        ("mapmap map_x", "map", "map"),
        ("a flow\nchart of steps", "diagram", "other"),  # the line ends within a keyword
        ("a Bar-chart and a  line  chart", "data_chart", "other"),
    ],
)
def test_content_type_fallback(caption, word, substring):
    assert content_type("other", caption, "word") == word
    assert content_type("other", caption, "substring") == substring
    assert content_type("other", caption, "none") == "other"


@pytest.mark.parametrize(
    "text, code",
    [
        (f"```svg\n{SVG}\n```", SVG),
        (f"```SVG\n{SVG}\n```", SVG),  # not an svg fence, but the element is found
        (f"```xml\n{SVG}\n```", SVG),
        (f"```xml\n<a/>\n``` ```xml\n{SVG}\n```", SVG),  # first xml fence that holds an svg
        (f"```xml\n{SVG}\n```\n```svg\n<svg>b</svg>\n```", "<svg>b</svg>"),  # svg fences go first
        (f"```text\noops\n```\n```svg\n{SVG}\n```", SVG),
        (f"unclosed ``` then ```svg\n{SVG}\n```", SVG),
        (f"Here: {SVG} Enjoy.", SVG),
        ("a <svg><svg x='1'></svg><g/></svg> </svg>", "<svg><svg x='1'></svg><g/></svg>"),  # the whole root
        ("<svg><svg y='2'/><g/></svg> <svg></svg>", "<svg><svg y='2'/><g/></svg>"),
        ("An <svg> element: <svg a='1'></svg> ok", "<svg> element: <svg a='1'></svg>"),  # first opening, first end
        (f"```svg\n{SVG}", SVG),  # fence cut off, root closed
        (f"```\n{SVG}\n```", SVG),
        (
            "<svg><!-- </svg> <svg> --><g/></svg> </svg>",
            "<svg><!-- </svg> <svg> --><g/></svg>",
        ),  # a comment has no tags
        ("<svg><style><![CDATA[</svg>]]></style></svg>", "<svg><style><![CDATA[</svg>]]></style></svg>"),
        ("<svg><!-- never closed </svg> </svg>", "<svg><!-- never closed </svg>"),
        ("<svg ><g/></svg\n>", "<svg ><g/></svg\n>"),
        (f"``` svg\n<svg>b</svg>\n```\n{SVG}", "<svg>b</svg>"),  # a blank before the language
        ("```svg\nnot a drawing\n```", "not a drawing"),  # extracted; scored as the wrong type
    ],
)
def test_extract_svg(text, code):
    request = extract_code(text)
    assert (request.code, request.language) == (code, "svg")


@pytest.mark.parametrize(
    "text",
    ["", "I cannot", "```svg\n<svg><rect", "<svg viewBox='0 0 1 1'>", "<svgx></svgx>", "```python\nplt.plot()\n```"],
)
def test_no_code(text):
    with pytest.raises(FormatError, match="no closed drawing"):
        extract_code(text)


@pytest.mark.parametrize(
    "start",
    [
        "```python\n```\n```python\n",  # an empty block first
        "```python\n\n```\nNow the code:\n```python\n",
        "``` python\n",
        '```python title="chart.py" linenums="1"\n',
        "```python {.line-numbers}\n",
        "```py {3,5}  \n",
        "Write a ```python block, I read.\n```python\n",
    ],
)
def test_first_python_block_with_code(start):
    assert extract_code(f"{start}import x\n```\n```python\nimport y\n```", ("python",)).code == "import x"


@pytest.mark.parametrize("before", ["", "```python\n```\n", "```python\n\n```\n", "```bash\npip\n```\n"])
@pytest.mark.parametrize("fence", ["```python", "``` python", "```  Python ", "````py"])
def test_the_first_python_fence_that_holds_something(before, fence):
    assert extract_code(f"{before}{fence}\nx = 1\n```", ("python",)).code == "x = 1"


def test_python_only_when_allowed_and_after_svg():
    text = "```python\nplt.plot([1])\n```"
    assert extract_code(text, ("svg", "python")).language == "python"
    assert extract_code(text + SVG, ("svg", "python")).language == "svg"
    assert extract_code(text + SVG, ("python",)).code == "plt.plot([1])"


@pytest.mark.parametrize(
    "code, expected", [("<?xml?>", True), ("  <a", True), ("x <svg", True), ("plt", False), ("", False)]
)
def test_looks_like_svg(code, expected):
    assert looks_like_svg(code) is expected


@pytest.mark.parametrize(
    "text, answer",
    [
        ("\\boxed{5}", "5"),
        ("\\boxed{1} \\boxed{2}", "2"),
        ("\\boxed{1} \\boxed{2", "1"),  # the last box whose braces balance
        ("\\boxed{\\boxed{3}}", "3"),
        ("\\boxed{\\frac{1}{2}}", "\\frac{1}{2}"),
        ("\\boxed{\\{1, 2\\}}", "\\{1, 2\\}"),  # escaped braces are text
        ("\\boxed{\\}", None),
        ("\\\\boxed{4}", "4"),  # doubled backslash
        ("}} \\boxed{4} {{", "4"),
        ("\\boxed{ }", None),
        ("\\boxed{N/A}", None),
        ("\\boxed{ None }", None),
        ("\\boxed 5", None),
        ("", None),
    ],
)
def test_extract_answer(text, answer):
    assert extract_answer(text) == answer


@pytest.mark.parametrize(
    "text, answer",
    [
        ("<think>\\boxed{1}</think>\\boxed{2}<think>\\boxed{3}</think>", "2"),  # between two thoughts
        ("<think>\\boxed{1}</think>\\boxed{2}</think>", "2"),  # an end tag too many
        ("\\boxed{1}</think>\\boxed{2}</think>\n</think>", "2"),
        ("<think>\\boxed{1}</think>\\boxed{2}<think>x</think></think>", "2"),
        ("\\boxed{2}<think></think>" + "<think></think>" * 10_000, "2"),
        ("<think>\\boxed{1}<think>x</think>", None),  # all of it is thought
        ("\\boxed{1}</think>", None),
        ("\\boxed{1}</think></think>", None),
    ],
)
def test_nothing_follows_the_last_thought(text, answer):
    assert extract_answer(text) == answer


def test_non_answers_are_compared_without_case():
    assert extract_answer("\\boxed{can't tell}", non_answers=("Can't Tell",)) is None


@pytest.mark.parametrize(
    "said",
    [
        "N.A.",
        "{unknown}",
        "can not be determined",
        "It can’t be determined.",
        "The answer cannot be determined",
        "cannot be determined from the given information",
        "\\text{Not enough info to tell}",
        "Insufficient information given",
        "not specified",
        "not shown in the chart",
        "unable to determine",
        "I cannot determine the answer",
        "I do not know",
        "I'm not sure",
        "Answer: unknown",
        "unknown (not stated)",
        "No answer possible",
    ],
)
def test_not_knowing_in_other_words_is_no_answer(said):
    assert extract_answer(f"\\boxed{{{said}}}") is None
    assert extract_answer(f"\\boxed{{{said}}}", non_answers=()) == said  # a benchmark's reference may say so


@pytest.mark.parametrize(
    "said",
    ["no", "answer", "it", "No data", "no solution", "impossible", "unknown soldier", "not red", "5 (unknown unit)"],
)
def test_what_only_looks_like_not_knowing(said):
    assert extract_answer(f"\\boxed{{{said}}}") == said


def test_empty_box_is_a_box():
    assert boxed("\\boxed{ }") == "" and boxed("boxed{}") is None


@pytest.mark.parametrize(
    "text, expected",
    [
        ("<think>a</think>\\boxed{5}", True),
        (" <think></think>\n\n\\boxed{}\n", True),
        ("<think>\\boxed{1}</think> \\boxed{5}", True),  # a box inside the thought is thought
        ("<think>a</think> so \\boxed{5}", False),
        ("<think>a</think>\\boxed{5}.", False),
        ("<think>a</think>\\boxed{5", False),
        ("<think>a</think>b</think>\\boxed{5}", False),
        ("<think>a<think>b</think>\\boxed{5}", False),
        ("\\boxed{5}<think>a</think>", False),
        ("\\boxed{5}", False),
        ("", False),
    ],
)
def test_answer_format(text, expected):
    assert has_answer_format(text) is expected


MEGABYTE = 1_000_000
LONG_TEXTS = {
    "open tags": "<caption>" * (MEGABYTE // 9),
    "long caption": text_of(caption="mapx " * (MEGABYTE // 5), content_type="other"),
    "less-than": "<" * MEGABYTE,
    "fences": "```svg\n" * (MEGABYTE // 7),
    "backticks": "`" * MEGABYTE,
    "open svg": "<svg " * (MEGABYTE // 5),
    "svg roots": "<svg>" * (MEGABYTE // 5),
    "xml fences": "```xml\n" * (MEGABYTE // 7),
    "attributes": "```svg a=" * (MEGABYTE // 9),
    "braces of attributes": "```svg {" + "}" * MEGABYTE,
    "blanks before a language": ("```" + " " * 9) * (MEGABYTE // 12),
    "boxes": "\\boxed{" * (MEGABYTE // 7),
    "braces": "\\boxed{" + "{}" * (MEGABYTE // 2),
    "backslashes": "\\boxed{" + "\\" * MEGABYTE,
    "thinks": "<think>" * (MEGABYTE // 7),
}


@pytest.mark.parametrize("name", LONG_TEXTS)
def test_a_megabyte_ends_in_an_outcome(name):
    """Quadratic or backtracking work would not come back here; the times are printed by tests/bench/rewards.py."""
    text = LONG_TEXTS[name]
    if name == "long caption":
        assert parse_proposal(text).content_type == "other"
    else:
        with pytest.raises(FormatError):
            parse_proposal(text)
        if name != "fences":
            with pytest.raises(FormatError):
                extract_code(text)
    assert extract_answer(text) is None
    assert not has_answer_format(text)


@pytest.mark.parametrize("part", ["<!--", "<![CDATA[", "<!-- -->", "</svg ", "<svg>"])
def test_a_megabyte_in_a_drawing_ends_in_an_outcome(part):
    code = "<svg>" + part * (MEGABYTE // len(part)) + "</svg>"
    assert extract_code(code).code.endswith("</svg>")


def test_long_captions_are_parsed_whole():
    caption = "x" * MEGABYTE
    assert parse_proposal(text_of(caption=caption)).caption == caption
