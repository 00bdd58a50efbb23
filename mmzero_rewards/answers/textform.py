"""Unicode, LaTeX and wording of short answers, brought to one plain form. Linear passes over short text only.

`plain` unifies characters and unwraps LaTeX; `text_core` is the normal form of an answer that is words. Not covered:
synonyms and translation ("car" != "automobile", "Mon" != "Monday").
"""

import re
import unicodedata

SUPERSCRIPTS = {ord(c): f"^{d}" for d, c in enumerate("⁰¹²³⁴⁵⁶⁷⁸⁹")}
MARKS = {
    **SUPERSCRIPTS,
    **dict.fromkeys(map(ord, "‐‑‒–—―−﹣－"), "-"),
    **dict.fromkeys(map(ord, "‘’‚‛′＇"), "'"),
    **dict.fromkeys(map(ord, "“”„‟″＂«»"), '"'),
    **dict.fromkeys(map(ord, "\u200b\u200c\u200d\u2060\ufeff\u00ad"), ""),
    **dict.fromkeys(map(ord, "⁄∕÷"), "/"),
    **dict.fromkeys(map(ord, "∶"), ":"),
    **dict.fromkeys(map(ord, "º˚"), "°"),
    ord("√"): "sqrt",
    ord("π"): "pi",
    ord("∞"): "infinity",
}


def plain(text: str) -> str:
    """One form for look-alike characters and LaTeX mark-up; case and wording stay."""
    if not text.isascii():
        text = _unified(text)
    if "\\" in text or "$" in text:
        text = _without_latex(text)
    if "sqrt" in text:
        text = ROOT.sub(lambda match: f"sqrt({next(filter(None, match.groups()), '').strip()})", text)
    return " ".join(text.split())


def _unified(text: str) -> str:
    pieces = []
    for char in text.translate(MARKS):
        if unicodedata.category(char) == "Nd":
            pieces.append(str(unicodedata.decimal(char)))
        elif "VULGAR FRACTION" in unicodedata.name(char, ""):
            pieces.append(" " + unicodedata.normalize("NFKC", char).replace("⁄", "/"))
        else:
            pieces.append(char)
    return unicodedata.normalize("NFKC", "".join(pieces))


FRACTION = re.compile(r"\\[dt]?frac\s*(?:\{([^{}]*)\}\s*\{([^{}]*)\}|(\d)\s*(\d))")
WRAPPER = re.compile(
    r"\\(?:text|textbf|textit|textrm|mathrm|mathbf|mathit|mathsf|operatorname|mbox|boxed)\s*\{([^{}]*)\}"
)
SPACING = re.compile(r"\\[,;:!> ]|\\q?quad\b|\\left\b|\\right\b|\\displaystyle\b")
DEGREE = re.compile(r"\^\s*(?:\{\s*\\circ\s*\}|\\circ\b)|\\degree\b|\\circ\b")
ROOT = re.compile(r"sqrt\s*(?:\{([^{}]*)\}|\(([^()]*)\)|(\d+))")
COMMANDS = (
    (re.compile(r"\\(?:times|cdot)\b"), " × "),
    (re.compile(r"\\pi\b"), "pi"),
    (re.compile(r"\\infty\b"), "infinity"),
    (re.compile(r"\\sqrt\b"), "sqrt"),
    (re.compile(r"\\(?:colon|ratio)\b"), ":"),
    (re.compile(r"\\([%$#&_{}])"), r"\1"),
    (re.compile(r"\{,\}"), ","),
)


def _without_latex(text: str) -> str:
    if len(text) > 2 and text[0] == "$" == text[-1] and "$" not in text[1:-1]:
        text = text[1:-1]
    if text.startswith(("\\(", "\\[")) and text.endswith(("\\)", "\\]")):
        text = text[2:-2]
    text = SPACING.sub(" ", text)
    text = DEGREE.sub("°", text)
    for _ in range(2):  # \text{} inside \frac{}{}
        text = WRAPPER.sub(r" \1", text)
    text = FRACTION.sub(_fraction, text)
    for pattern, replacement in COMMANDS:
        text = pattern.sub(replacement, text)
    return text


def _fraction(match: re.Match) -> str:
    above, below = (g.strip() for g in (match.group(1, 2) if match.group(1) is not None else match.group(3, 4)))
    simple = all(part.replace(".", "", 1).isdigit() for part in (above.removeprefix("-"), below))
    return f" {above}/{below}" if simple else f" ({above})/({below})"


WORD_FORMS = {"grey": "gray", "colour": "color", "colours": "colors", "centre": "center"}
YES_NO = re.compile(
    r"(yes|no|yeah|yep|nope)(?:\s*[,.;:-]\s*|\s+)(?:it|they|he|she|there|this|that|these|those|we|you|i|the\s\w+)\s+"
    r"(?:is|are|was|were|do|does|did|has|have|had|can|could|will|would|should|must)(?:\s*not|n't|n't)?"
)
YES_FORMS = {"yes": "yes", "yeah": "yes", "yep": "yes", "yup": "yes", "no": "no", "nope": "no"}
INNER_HYPHEN = re.compile(r"(?<=[^\W\d])[-_](?=[^\W\d])")
ABBREVIATION = re.compile(r"(?<![^\W_])([^\W\d_])\.(?=[^\W\d_](?![^\W_]))|(?<=[^\W\d_])\.(?=\s)")
LEADING_ARTICLE = re.compile(r"\A(?:the|an?)\s+(?=\w{2})(?!(?:and|or|to|is|are|plus|minus|vs|of|in)\b)")
INNER_THE = re.compile(r"\bthe\s+(?=\w)")
COLOR_WORD = re.compile(r"(?:in\s+)?colou?r(?:ed)?\s+(?:is\s+)?(?=\w)|(?<=\w)[\s-]+(?:in\s+)?colou?r(?:ed)?$")
LABEL_WORD = re.compile(r"(?:option|choice|answer|label|point)\s+\(?([a-z0-9]{1,2})\)?")
EDGES = " \t\n.,;:!?\"'`"


def yes_or_no(text: str) -> str:
    """ "yes" or "no" for one of their forms ("Yep", "No, it isn't."), "" for anything else ("no entry")."""
    text = text.casefold().strip(EDGES)
    match = YES_NO.fullmatch(text) if text[:1] in "yn" else None
    return YES_FORMS.get(match.group(1) if match else text, "")


def text_core(text: str) -> str:
    """Words of an answer without case, articles, edge punctuation and spelling variants; may be empty."""
    text = text.casefold().strip(EDGES)
    label = LABEL_WORD.fullmatch(text)
    if label:
        return label.group(1)
    if "." in text:
        text = ABBREVIATION.sub(lambda match: match.group(1) or "", text)
    if "-" in text or "_" in text:
        text = INNER_HYPHEN.sub(" ", text)
    if " " in text:
        text = INNER_THE.sub("", LEADING_ARTICLE.sub("", text, count=1))
        if "colo" in text:
            text = COLOR_WORD.sub("", text)
    return " ".join(WORD_FORMS.get(word, word) for word in text.split())
