"""Mark-up other than LaTeX around short answers: HTML entities and tags, bullets of a list.

>>> without_tags("5&nbsp;cm<sup>2</sup>"), without_tags("<b>x</b> &lt; 3"), one_line("- red\\n- blue")
('5\\xa0cm^{2}', 'x < 3', 'red, blue')
"""

import html
import re

ENTITY = re.compile(r"&(?:#\d{1,6}|#x[0-9a-f]{1,5}|[a-z]{2,8});", re.IGNORECASE)
RAISED = re.compile(r"<sup>([^<>]*)</sup>", re.IGNORECASE)
TAG = re.compile(r"</?(?:b|i|u|em|strong|span|p|sub|code|answer)>", re.IGNORECASE)
BULLET = re.compile(r"\s*(?:[-*•]|\d{1,2}[.)])\s+(?=\S)")
NUMBER = re.compile(r"\s*[+-]?\d[\d.,/]*\s*")
MOST_LINES = 64


def without_tags(text: str) -> str:
    """`text` with its entities as characters, without tags that only set it."""
    if "<" in text and ">" in text:
        text = TAG.sub("", RAISED.sub(r"^{\1}", text))
    return ENTITY.sub(lambda match: html.unescape(match.group()), text) if "&" in text else text


def one_line(text: str) -> str:
    """Lines that all are a number, or begin with a bullet or one, as one list; other text as it is."""
    lines = [line for line in text.splitlines() if line.strip()]
    if 1 < len(lines) <= MOST_LINES and all(map(NUMBER.fullmatch, lines)):
        return ", ".join(line.strip() for line in lines)
    if not 1 < len(lines) <= MOST_LINES or not all(map(BULLET.match, lines)):
        return text
    return ", ".join(BULLET.sub("", line, count=1).strip() for line in lines)
