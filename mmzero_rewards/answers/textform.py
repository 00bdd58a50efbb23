"""Unicode look-alikes and wording of short answers, brought to one plain form. Linear passes over short text only.

`plain` unifies characters and unwraps LaTeX; `text_core` is the normal form of an answer that is words or an
expression. Not covered: synonyms and translation ("car" != "automobile", "Mon" != "Monday"), algebra ("x+1" != "1+x").
"""

import re
import unicodedata

from mmzero_rewards.answers.latex import GREEK, MATH, power, without_latex
from mmzero_rewards.answers.words import COMPOUND_ORDINALS, ORDINAL_FORMS, WORDS

MARKS = {
    **dict.fromkeys(map(ord, "‐‑‒–—―−﹣－"), "-"),
    **dict.fromkeys(map(ord, "‘’‚‛′＇"), "'"),
    **dict.fromkeys(map(ord, "“”„‟″＂«»"), '"'),
    **dict.fromkeys(map(ord, "\u200b\u200c\u200d\u2060\ufeff\u00ad"), ""),
    **dict.fromkeys(map(ord, "⁄∕÷"), "/"),
    **dict.fromkeys(map(ord, "×·⋅∙∗✕✖"), "*"),
    **dict.fromkeys(map(ord, "≥⩾≧"), ">="),
    **dict.fromkeys(map(ord, "≤⩽≦"), "<="),
    **dict.fromkeys(map(ord, "≈≃≅∼～"), "~"),
    **dict.fromkeys(map(ord, "º˚"), "°"),
    **{ord(letter): name for letter, name in GREEK.items()},
    ord("≠"): "!=",
    ord("→"): "->",
    ord("∈"): "=",
    ord("∶"): ":",
    ord("√"): "sqrt",
    ord("∛"): "root3 ",
    ord("∜"): "root4 ",
    ord("∞"): "infinity",
    ord("∠"): "angle ",
    ord("△"): "triangle ",
    ord("⟨"): "(",
    ord("⟩"): ")",
    ord("٫"): ".",
    ord("٬"): ",",
}
RAISED = re.compile("[⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿ]+")
LOWERED = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿ", "0123456789+-n")
MICRO = re.compile(r"[µμ](?=[mgslLAVWFHJ]\b)")
ROOT = re.compile(r"(sqrt|root\d)\s*(?:\{([^{}]+)\}|(?<!\d)(\d+))")
TIE = re.compile(r"(?<=\d)\s*~\s*")
LATEX = re.compile(r"\\|[\^_]\{|\{,\}")
SUBSCRIPT = re.compile(r"(?<=[^\W_])_(?=\d)")


def plain(text: str) -> str:
    """One form for look-alike characters and LaTeX mark-up; case and wording stay."""
    if not text.isascii():
        text = _unified(text)
    if LATEX.search(text) or ("$" in text and MATH.search(text)):
        text = without_latex(text)
        if not text.isascii():
            text = _unified(text)
    if "sqrt" in text or "root" in text:
        text = ROOT.sub(lambda match: f"{match.group(1)}({(match.group(2) or match.group(3)).strip()})", text)
    if "~" in text:
        text = TIE.sub(" ", text)
    if "_" in text:
        text = SUBSCRIPT.sub("", text)
    return " ".join(text.split())


def _unified(text: str) -> str:
    pieces = []
    text = RAISED.sub(lambda match: power(match.group().translate(LOWERED)), MICRO.sub("u", text))
    for char in text.translate(MARKS):
        if char.isascii():
            pieces.append(char)
        elif unicodedata.category(char) == "Nd":
            pieces.append(str(unicodedata.decimal(char)))
        elif "VULGAR FRACTION" in unicodedata.name(char, ""):
            pieces.append(" " + unicodedata.normalize("NFKC", char).replace("⁄", "/"))
        else:
            pieces.append(char)
    return unicodedata.normalize("NFKC", "".join(pieces)).translate(MARKS)


WORD_FORMS = {"grey": "gray", "colour": "color", "colours": "colors", "centre": "center", "metre": "meter"}
WORD_FORMS |= ORDINAL_FORMS | {word: str(value) for word, value in WORDS.items()}
"""Word -> the form that stands for it: spelling variants, and numbers in figures ("third quarter", "two red bars")."""

YES_NO = re.compile(
    r"(yes|no|yeah|yep|nope)(?:\s*[,.;:-]\s*|\s+)(?:it|they|he|she|there|this|that|these|those|we|you|i|the\s\w+)\s+"
    r"(?:is|are|was|were|do|does|did|has|have|had|can|could|will|would|should|must)(?:\s*not|n't|n't)?"
)
YES_FORMS = {"yes": "yes", "yeah": "yes", "yep": "yes", "yup": "yes", "no": "no", "nope": "no"}
INNER_HYPHEN = re.compile(r"(?<=[^\W\d])[-_](?=[^\W\d])")
APOSTROPHE = re.compile(r"(?<=[^\W\d_])'(?=[^\W\d_])")
AND = re.compile(r"\band\b")
ABBREVIATION = re.compile(r"(?<![^\W_])([^\W\d_])\.(?=[^\W\d_](?![^\W_]))|(?<=[^\W\d_])\.(?=\s)")
LEADING_ARTICLE = re.compile(r"\A(?:(?:the|an?)\s+(?=\w{2})(?!(?:and|or|to|is|are|plus|minus|vs|of|in)\b))+")
INNER_THE = re.compile(r"\bthe\s+(?=\w)")
COLOR_WORD = re.compile(r"(?:in\s+)?colou?r(?:ed)?\s+(?:is\s+)?(?=\w)|(?<=\w)[\s-]+(?:in\s+)?colou?r(?:ed)?$")
MEANT = re.compile(r"!+|['\"]|")
EDGES = " \t\n.,;:!?\"'`"

OPERATOR = re.compile(r"[-+*/=<>^|~]")
EXPRESSION = re.compile(r"[a-z\d\s.()^+*/=<>!~|,-]+")
MATH_SIGN = re.compile(r"[\d=^+(*<>]")
LETTERS = re.compile(r"[a-z]+")
FUNCTIONS = frozenset([*GREEK.values(), "sqrt", "sin", "cos", "tan", "log", "ln", "infinity"])
FACTORS = re.compile(rf"(?:{'|'.join(sorted(FUNCTIONS, key=len, reverse=True))}|[a-z]){{1,2}}")
TIMES = re.compile(r"(?<=\d)\s*[x*]\s*(?=\d)|(?<=[\d)])\*(?=[a-z(])")
TIGHT = re.compile(r"(?<!\d)\s+|\s+(?!\d)")


def yes_or_no(text: str) -> str:
    """ "yes" or "no" for one of their forms ("Yep", "No, it isn't."), "" for anything else ("no entry")."""
    text = text.casefold().strip(EDGES)
    match = YES_NO.fullmatch(text) if text[:1] in "yn" else None
    return YES_FORMS.get(match.group(1) if match else text, "")


def text_core(text: str) -> str:
    """Words of an answer without case, articles, edge punctuation and spelling variants; may be empty.

    An expression (single letters, numbers, operators) loses its blanks and keeps its hyphens: "x - y" is "x-y".
    """
    text = without_final_stops(_folded(text)).lstrip(EDGES)
    if _is_expression(text):
        return TIGHT.sub("", TIMES.sub(lambda match: "*" if text[match.end()].isdigit() else "", text))
    if "'" in text:
        bare = APOSTROPHE.sub("", text)
        text = bare if len(AND.findall(bare)) == len(AND.findall(text)) else text  # "a'nd" joins nothing
    if "." in text:
        text = ABBREVIATION.sub(lambda match: match.group(1) or "", text)
    if "-" in text or "_" in text:
        text = INNER_HYPHEN.sub(" ", " ".join(COMPOUND_ORDINALS.get(word, word) for word in text.split()))
    if " " in text:
        text = INNER_THE.sub("", LEADING_ARTICLE.sub("", text, count=1))
        if "colo" in text:
            text = COLOR_WORD.sub("", text)
    return " ".join(WORD_FORMS.get(word, word) for word in text.split())


def _is_expression(text: str) -> bool:
    """Letters and numbers joined by operators: "x - y", "2pi r^2"; not "x-axis", "re-do" or "on/off"."""
    if not OPERATOR.search(text) or not EXPRESSION.fullmatch(text):
        return False
    runs = LETTERS.findall(text)
    if MATH_SIGN.search(text):
        return all(map(FACTORS.fullmatch, runs))
    return all(len(run) == 1 or run in FUNCTIONS for run in runs)


def without_final_stops(text: str) -> str:
    """`text` without the punctuation behind it; "5!" keeps its factorial, and 5' and 5" what they measure."""
    bare = text.rstrip(EDGES)
    if not bare[-1:].isdigit() and bare[-1:] != ")":
        return bare
    kept = MEANT.match(text, len(bare)).end()
    return text[:kept]


def _folded(text: str) -> str:
    text = text.casefold()
    return text if text.isascii() else unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
