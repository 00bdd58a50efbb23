"""Unicode look-alikes and wording of short answers, brought to one plain form. Linear passes over short text only.

`plain` unifies characters and unwraps LaTeX; `text_core` is the normal form of an answer that is words or an
expression. Not covered: synonyms and translation ("car" != "automobile", "Mon" != "Monday"), algebra ("x+1" != "1+x").
"""

import re
import unicodedata

from mmzero_rewards.answers.spelling.latex import GREEK, MATH, power, without_latex
from mmzero_rewards.answers.spelling.markup import one_line, without_tags
from mmzero_rewards.answers.spelling.signs import PRIME, with_bars, with_bases, with_charge, with_fractions, with_primes
from mmzero_rewards.answers.values.moments import MONTHS
from mmzero_rewards.answers.values.words import COMPOUND_ORDINALS, ORDINAL_FORMS, ORDINALS, WORDS

MARKS = {
    **dict.fromkeys(map(ord, "‐‑‒–—―−﹣－"), "-"),
    **dict.fromkeys(map(ord, "‘’‚‛′＇"), "'"),
    **dict.fromkeys(map(ord, "“”„‟″＂«»"), '"'),
    **dict.fromkeys(map(ord, "\u200b\u200c\u200d\u2060\ufeff\u00ad"), ""),
    **dict.fromkeys(map(ord, "⁄∕÷"), "/"),
    **dict.fromkeys(map(ord, "×·⋅∙∗✕✖⨯"), "*"),
    **dict.fromkeys(map(ord, "≥⩾≧"), ">="),
    **dict.fromkeys(map(ord, "≤⩽≦"), "<="),
    **dict.fromkeys(map(ord, "≈≃∼～"), "~"),
    **dict.fromkeys(map(ord, "º˚"), "°"),
    **{ord(letter): name for letter, name in GREEK.items()},
    ord("≠"): "!=",
    ord("→"): "->",
    ord("⟶"): "->",
    ord("⟹"): "⇒",
    ord("⟺"): "⇔",
    ord("⟂"): " perp ",
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
    ord("٪"): "%",
    ord("。"): ".",
    ord("、"): ",",
    ord("∥"): " parallel ",
    ord("⊥"): " perp ",
    ord("≅"): " cong ",
    ord("✔"): "✓",
    ord("٬"): ",",
}
RAISED = re.compile("[⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿ]+")
LOWERED = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿ", "0123456789+-n")
MICRO = re.compile(r"[µμ](?=[mgslLAVWFHJC]\b)")
ROOT = re.compile(r"(sqrt|root\d)\s*(?:\{([^{}]+)\}|(?<!\d)(\d+)|([A-Za-z])(?![A-Za-z(]))")
TIE = re.compile(r"(?<=\d)\s*~\s*(\d{1,2}(?!\d)|\d{4,}|)")  # 10~20 is a range, 1~250 has thousands
NEARLY = re.compile(r"≅(?=\s*[\d$€£.-])")
RAISED_O = re.compile(r"(?<=\d)\s?\^o\b")
LATEX = re.compile(r"\\|[\^_]\{|\{[,:.]\}")
ANGLE_MEASURE = re.compile(r"\bm ?(?=angle )")
PARALLEL = re.compile(r"(?<=[A-Za-z])\s*\|\|\s*(?=[A-Za-z])|(?<=[A-Z])\s*//\s*(?=[A-Z])|\s+is\s+parallel\s+to\s+")
PERPENDICULAR = re.compile(r"\s+is\s+perpendicular\s+to\s+")
TRIANGLE = re.compile(r"(?:Δ|∆|\\Delta)\s*(?=(?:[A-Z]['′]?){3}(?![^\W_]))")
DASHES = re.compile(r"(?<=\d)\s?--\s?(?=\d)|--(?=>)")
SUBSCRIPT = re.compile(
    r"(?<=[^\W\d_])_(?=\d)|(?<=\d)_(?=\d{3}(?!\d))|(?<=\b[A-Za-z])_(?=[A-Za-z]\b|[A-Za-z]{3})"
)  # x_1, 12_000; 1011_2 has a base
SHORT_INDEX = re.compile(r"(?<=\b[A-Za-z])_([A-Za-z]{2})\b")  # V_in is V_{in}
INFINITY = re.compile(r"(?:(?<![\w)])\+\s*)?\b(?:infinity|inf)\b|(?<=[-(,\s+])oo(?=\))", re.IGNORECASE)
UNION = re.compile(r"(?<=[)\]])\s*U\s*(?=[(\[])")
BASED = re.compile(r"\((\w{1,30})\)_(?=\d{1,2}\Z)")
PLUS_MINUS = re.compile(r"\+\s?/\s?-|\+-(?=\s?[\d.])|\bplus\s+or\s+minus\b", re.IGNORECASE)


def plain(text: str) -> str:
    """One form for look-alike characters and LaTeX mark-up; case and wording stay."""
    if "\n" in text:
        text = one_line(text)
    if "&" in text or "</" in text:
        text = without_tags(text)
    if "~" in text:  # a tie; behind LaTeX it stands for \\approx
        text = TIE.sub(lambda match: f"-{match.group(1)}" if match.group(1) else " ", text)
    if "Δ" in text or "∆" in text or "\\Delta" in text:
        text = TRIANGLE.sub("△", text)
    if not text.isascii():
        text = _unified(with_bars(with_bases(with_fractions(text))))
    if LATEX.search(text) or ("$" in text and MATH.search(text)):
        text = without_latex(text)
        if not text.isascii():
            text = _unified(text)
    if "sqrt" in text or "root" in text:
        text = ROOT.sub(lambda match: f"{match[1]}({(match[2] or match[3] or match[4]).strip()})", text)
    if "^o" in text:
        text = RAISED_O.sub("°", text)
    if "angle" in text:
        text = ANGLE_MEASURE.sub("", text)
    if "||" in text or "//" in text or " is p" in text:
        text = PERPENDICULAR.sub(" perp ", PARALLEL.sub(" parallel ", text))
    if "--" in text:
        text = DASHES.sub("-", text)
    if "_" in text:
        text = BASED.sub(r"\1_", SHORT_INDEX.sub(r"_(\1)", SUBSCRIPT.sub("", text)))
    if "'" in text:
        text = with_primes(text)
    if "inf" in text or "oo)" in text:
        text = INFINITY.sub("infinity", text)
    if "U" in text:
        text = UNION.sub(" ∪ ", text)
    if text[-1:] in "+-":
        text = with_charge(text)
    if "+" in text or "plus or" in text.casefold():
        text = PLUS_MINUS.sub("±", text)
    return " ".join(text.split())


def _unified(text: str) -> str:
    pieces = []
    if "≅" in text:
        text = NEARLY.sub("~", text)
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
WORD_FORMS |= {"bce": "bc", "thru": "through", "twice": "2 times", "thrice": "3 times", "sept": "september"}
WORD_FORMS |= {name[:3]: name for name in MONTHS if name != "may"}
WORD_FORMS |= ORDINAL_FORMS | {word: str(value) for word, value in WORDS.items()}
"""Word -> the form that stands for it: spelling variants, and numbers in figures ("third quarter", "two red bars")."""

YES_NO = re.compile(
    r"(yes|no|yeah|yep|nope|true|false)(?:\s*[,.;:-]\s*|\s+)(?:it|they|he|she|there|this|that|these|those|we|you|i|the\s\w+)\s+"
    r"(?:is|are|was|were|do|does|did|has|have|had|can|could|will|would|should|must)(?:\s*not|n't|n't)?"
)
YES_BUT = re.compile(  # "Yes, because it is longer", but not "yes, no" or "No. 5"
    r"(yes|no|yeah|yep|nope|true|false)(?:\s*[,;:]\s*|\s+-+\s+|\.\s+|\s+(?:and|&)\s+|\s+(?=\())"
    r"(?!of\b|.*\b(?:yes|no|or|true|false)\b)"
    r"(?=\(?[a-z]\S*\s+\S|\d\S*\s+[a-z=<>]\S*\s+\S|(?:always|never|indeed|definitely|certainly|absolutely|exactly)\Z)[^\n]+"
)
YES_FORMS = {"yes": "yes", "yeah": "yes", "yep": "yes", "yup": "yes", "no": "no", "nope": "no"}
YES_FORMS |= {"true": "true", "false": "false"}
INNER_HYPHEN = re.compile(r"(?<=[^\W\d])[-_](?=[^\W\d])|(?<=[^\W\d_]{2})-(?=\d)")
DEGREES = re.compile(r"\s*(?:°|\bdeg(?:rees?|s)?\b)(?! ?[cf]\b)")
PERCENT = re.compile(r"\s*(?:%|\bper[ -]?cent\b)")
THOUSANDS = re.compile(r"(?<=[1-9]),(?=\d{3}(?!\d))|(?<=[1-9]\d),(?=\d{3}(?!\d))|(?<=[1-9]\d\d),(?=\d{3}(?!\d))")
PLACE = re.compile(r"\A(\d+(?:st|nd|rd|th)) (?:place|position)\Z")
DAYS_BEGIN = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
SPANS_BEGIN = frozenset([*(name[:3] for name in MONTHS), *DAYS_BEGIN])
_WEEKDAY = rf"(?:{'|'.join(DAYS_BEGIN)})[a-z]{{0,6}}"
ERA = re.compile(r"\A(?:(?P<first>ad|bc|ce) (?P<year>\d{1,4})|(?P<figures>\d{1,4}) ce)\Z")
FISCAL = re.compile(r"\Afy ?'?(?=\d\d\Z)")
_MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*"
PRONOUN = re.compile(r"\A(?:it|they) (?=[^\W\d_]{4,}\Z)")
IN_MONTH = re.compile(rf"\Ain (?={_MONTH}\Z)")
SPAN = re.compile(rf"\A({_MONTH}\.?|{_WEEKDAY}\.?)\s*-\s*({_MONTH}|{_WEEKDAY})\b")
ARGUMENT = re.compile(r"\b(sin|cos|tan|log\d*|ln)\s*\(([\w°.]+(?: degree)?)\s*\)(?![\w(^])")
APART_ORDINAL = re.compile(rf"(?<=[a-z]ty) (?=(?:{'|'.join(ORDINALS[:9])})\b)")  # twenty third
APOSTROPHE = re.compile(r"(?<=[^\W\d_])'(?=[^\W\d_])")
AND = re.compile(r"\band\b")
ABBREVIATION = re.compile(r"(?<![^\W_])([^\W\d_])\.(?=[^\W\d_](?![^\W_]))|(?<=[^\W\d_])\.(?=\s)")
LEADING_ARTICLE = re.compile(r"\A(?:(?:the|an?)\s+(?=\w{2})(?!(?:and|or|to|is|are|plus|minus|vs|of|in)\b))+")
INNER_THE = re.compile(r"\bthe\s+(?=\w)")
COLOR_NAMES = """
    red blue green yellow orange purple pink brown black white gray grey cyan magenta teal violet indigo maroon navy
    beige gold golden silver turquoise lavender olive lime crimson tan cream peach salmon coral dark light
"""
COLORS = "|".join(COLOR_NAMES.split())
COLOR_WORD = re.compile(
    rf"(?:in\s+)?colou?r(?:ed)?\s+(?:is\s+)?(?=(?:{COLORS})\b)|(?<=\w)[\s-]+in\s+colou?r$|"
    rf"(?<!\w)((?:{COLORS})(?:ish)?)[\s-]+colou?r(?:ed)?$"
)
ACCENT = re.compile("(?<=[a-z])[\u0300-\u036f]+")  # of Latin letters: São Paulo is Sao Paulo
FACTORIAL = re.compile(r"!*")
LONE_SMALL = re.compile(r"(?<![^\W\d_])[a-z]\Z")
LOGICAL_NOT = re.compile(r"!(?:=|\(|[A-Za-z](?![^\W\d_]))")
MEANT = re.compile(r"!+|['\"]|")
EDGES = " \t\n.,;:!?\"'`"

OPERATOR = re.compile(r"[-+*/=<>^|≈]")
EXPRESSION = re.compile(rf"[a-z\d\s.()^+*/=<>!≈|,{PRIME}-]+")
MATH_SIGN = re.compile(r"[\d=^+(*<>]")
LETTERS = re.compile(r"[a-z]+")
FUNCTIONS = frozenset([*GREEK.values(), "sqrt", "sin", "cos", "tan", "log", "ln", "infinity", "bar", "hat", "dot"])
FACTORS = re.compile(rf"(?:{'|'.join(sorted(FUNCTIONS, key=len, reverse=True))}|[a-z]){{1,2}}")
TIMES = re.compile(r"(?<=\d)\s*[x*]\s*(?=\d)|(?<=[a-z\d)])\*(?=[a-z(])")
FACTOR = re.compile(
    r"(?<![\w.)^/*])\((\d{1,9}/\d{1,9})\)(?=[a-z(])|(?<![\w.)^/*+-])\((-\d{1,9}/\d{1,9})\)(?=[a-z(])"
)  # (1/2)mv^2 is \frac{1}{2}mv^2
SIMPLE_EXPONENT = re.compile(r"\^\(([+-]?(?:\d{1,9}|[a-z]))\)")  # e^(-x) is e^{-x}
TIGHT = re.compile(r"(?<!\d)\s+|\s+(?!\d)")


def yes_or_no(text: str) -> str:
    """ "yes", "no", "true" or "false" for one of their forms ("Yep", "No, it isn't."), "" for anything else."""
    text = text.casefold().strip(EDGES)
    match = (YES_NO.fullmatch(text) or YES_BUT.fullmatch(text)) if text[:1] in "yntf" else None
    return YES_FORMS.get(match.group(1) if match else text, "")


def text_core(text: str) -> str:
    """Words of an answer without case, articles, edge punctuation and spelling variants; may be empty.

    An expression (single letters, numbers, operators) loses its blanks and keeps its hyphens: "x - y" is "x-y".
    """
    text = without_final_stops(_folded(text))
    text = text if LOGICAL_NOT.match(text) else text.lstrip(EDGES)
    if "~" in text:  # in a key it is never taken for a tie
        text = text.replace("~", "≈")
    if _is_expression(text):
        return _tight(text)
    if "°" in text or "deg" in text:
        text = DEGREES.sub(" degree ", text)
    if "%" in text or "per" in text:
        text = PERCENT.sub(" percent", text)
    if "," in text and "(" not in text:
        text = THOUSANDS.sub("", text)
    if "'" in text:
        bare = APOSTROPHE.sub("", text)
        text = bare if len(AND.findall(bare)) == len(AND.findall(text)) else text  # "a'nd" joins nothing
    if "." in text:
        text = ABBREVIATION.sub(lambda match: match.group(1) or "", text)
    if "-" in text and text[:3] in SPANS_BEGIN:
        text = SPAN.sub(r"\1 to \2", text)
    if "(" in text:
        text = ARGUMENT.sub(r"\1 \2", text)
    if "ty " in text:
        text = APART_ORDINAL.sub("-", text)
    if "-" in text or "_" in text:
        text = INNER_HYPHEN.sub(" ", " ".join(COMPOUND_ORDINALS.get(word, word) for word in text.split()))
    if " " in text:
        text = INNER_THE.sub("", LEADING_ARTICLE.sub("", text, count=1))
        if "colo" in text:
            text = COLOR_WORD.sub(r"\1", text)
    if text[:3] in ("in ", "it ", "the"):
        text = PRONOUN.sub("", IN_MONTH.sub("", text, count=1), count=1)
    text = " ".join(WORD_FORMS.get(word, word) for word in text.split())
    if text[:2] in ("ad", "bc", "ce", "fy") or text[-3:] == " ce":
        text = ERA.sub(_year_and_era, FISCAL.sub("fy20", text))
    return PLACE.sub(r"\1", text) if text[:1].isdigit() else text


def _year_and_era(match: re.Match) -> str:
    """AD 2019 and 2019 CE as "2019 ad"."""
    return f"{match['figures']} ad" if match["figures"] else f"{match['year']} {match['first'].replace('ce', 'ad')}"


def _tight(text: str) -> str:
    """An expression without blanks, signs of products and brackets that say nothing."""
    text = TIMES.sub(lambda match: "*" if text[match.end()].isdigit() else "", text)
    return SIMPLE_EXPONENT.sub(r"^\1", FACTOR.sub(r"\1\2", TIGHT.sub("", text)))


def _is_expression(text: str) -> bool:
    """Letters and numbers joined by operators: "x - y", "2pi r^2"; not "x-axis", "re-do" or "on/off"."""
    if not OPERATOR.search(text) or not EXPRESSION.fullmatch(text):
        return False
    runs = LETTERS.findall(text)
    if MATH_SIGN.search(text):
        return all(map(FACTORS.fullmatch, runs))
    return all(len(run) == 1 or run in FUNCTIONS for run in runs)


def without_final_stops(text: str) -> str:
    """`text` without the punctuation behind it; "5!" and "n!" keep their factorial, and 5' and 5" what they measure."""
    bare = text.rstrip(EDGES)
    if LONE_SMALL.search(bare):
        return bare + FACTORIAL.match(text, len(bare)).group()
    if not bare[-1:].isdigit() and bare[-1:] != ")":
        return bare
    kept = MEANT.match(text, len(bare)).end()
    return text[:kept]


def _folded(text: str) -> str:
    text = text.casefold()
    if text.isascii():
        return text
    text = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", text).casefold())
    return unicodedata.normalize("NFKC", ACCENT.sub("", text))
