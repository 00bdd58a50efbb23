"""LaTeX mark-up of a short answer -> plain text: one pass over tokens, groups by recursion of bounded depth.

`\\frac{1}2` becomes `1/2`, `12~\\mathrm{cm}` becomes `12 cm`, `\\{1, 2\\}` keeps its braces and other groups lose
theirs. A command without a meaning here leaves its name behind. Not covered: macros with their own arguments, tables.

>>> without_latex(r"3\\frac{1}{2}"), without_latex(r"1.5\\times10^{-3}"), without_latex(r"\\textbf{\\text{Blue}}")
('3 1/2', '1.5*10^-3', 'Blue')
"""

import re
import unicodedata

from mmzero_rewards.answers.values.unit_names import named

GREEK = {
    chr(code): unicodedata.name(chr(code)).split()[3].lower().replace("lamda", "lambda")
    for code in (*range(0x3B1, 0x3CA), *range(0x391, 0x3A2), *range(0x3A3, 0x3AA))
    if len(unicodedata.name(chr(code)).split()) == 4
}
"""Greek letter -> its name, in lower case: answers are compared without case."""

SYMBOLS = {
    "times": "*", "cdot": "*", "ast": "*", "div": "/", "pm": "±", "le": "<=", "leq": "<=", "leqslant": "<=",
    "ge": ">=", "geq": ">=", "geqslant": ">=", "lt": "<", "gt": ">", "ne": "!=", "neq": "!=", "approx": "~",
    "sim": "~", "simeq": "~", "in": "=", "cup": "∪", "circ": "°", "degree": "°", "colon": ":", "ratio": ":",
    "cong": " cong ", "parallel": " parallel ", "perp": " perp ", "emptyset": "∅", "varnothing": "∅", "checkmark": "✓",
    "textdegree": "°", "mid": "|", "triangle": "triangle ", "angle": "angle ", "over": "/", "ell": "l",
    "to": "->", "rightarrow": "->", "prime": "'", "cdots": "...", "ldots": "...", "dots": "...", "minus": "-",
    "AA": "Å", "langle": "(", "rangle": ")",
    "cap": "∩", "subset": "⊂", "subseteq": "⊆", "supset": "⊃", "supseteq": "⊇", "notin": "∉", "setminus": "∖",
    "land": "∧", "wedge": "∧", "lor": "∨", "vee": "∨", "neg": "¬", "lnot": "¬", "forall": "∀", "exists": "∃",
    "oplus": "⊕", "otimes": "⊗", "equiv": "≡", "propto": "∝", "Rightarrow": "⇒", "implies": "⇒", "Longrightarrow": "⇒",
    "iff": "⇔", "Leftrightarrow": "⇔", "longrightarrow": "->", "rightleftharpoons": "⇌",
    "leftarrow": "←", "uparrow": "↑", "downarrow": "↓", "leftrightarrow": "↔", "nabla": "∇", "partial": "∂", "mp": "∓",
    "lvert": "|", "rvert": "|", "vert": "|", "lVert": "‖", "rVert": "‖", "lfloor": "⌊", "rfloor": "⌋", "lceil": "⌈",
    "rceil": "⌉", "sum": "∑", "int": "∫", "hbar": "ħ", "bullet": "•", "therefore": "∴",
    "lbrace": "{", "rbrace": "}", "lbrack": "[", "rbrack": "]", "dollar": "$", "textdollar": "$", "percent": "%",
}  # fmt: skip
NAMED = {name: name for name in GREEK.values()}
NAMED |= {"varepsilon": "epsilon", "vartheta": "theta", "varphi": "phi", "varpi": "pi", "infty": "infinity"}
LAYOUT = """
    left right big Big bigg Bigg bigl bigr Bigl Bigr displaystyle textstyle limits nolimits rm bf it sf large
    Large normalsize centering hline
"""
DROPPED = frozenset(LAYOUT.split())
BLANKS = frozenset(["quad", "qquad", "space", "enspace", "thinspace", "hspace", "newline"])
IGNORED_ARGUMENT = frozenset(["begin", "end", "hspace", "vspace", "color", "phantom", "label"])
ESCAPES = {"!": "", "(": "", ")": "", "[": "", "]": "", "\\": ";", "|": "|"}  # \, \; \: and the like are blanks
TOKEN = re.compile(r"\\[A-Za-z]+\*?|\\.|[{}^_~&]|[^\\{}^_~&]+|\\", re.DOTALL)
MATH = re.compile(r"(?<!\\)\$\$(.+?)\$\$|(?<!\\)\$(?!\s)((?:[^$\\]|\\.)+)(?<!\s)\$(?!\d)", re.DOTALL)
FRACTIONS = frozenset(["frac", "dfrac", "tfrac", "cfrac", "nicefrac", "sfrac", "flatfrac"])
OVER = re.compile(r"\{([^{}]*)\\over(?![A-Za-z])([^{}]*)\}")
APART = re.compile(r"(\\(?:text\w*|math\w+|boxed|mbox|[dtc]?frac|sqrt))\s+(?=\{)")
BINOMIALS = frozenset(["binom", "dbinom", "tbinom"])
OVER_LETTERS = {"overline": "bar", "bar": "bar", "dot": "dot", "hat": "hat", "widehat": "hat"}
OVER_LETTERS |= {"vec": "vec", "overrightarrow": "vec"}
MICRO = re.compile(
    r"(\d(?:[\s~}]|\\[,;: ]|\\(?:mathrm|text|rm)\s*\{)*)\\mu(?![A-Za-z])(?:[\s~]|\\[,;: ])*"
    r"((?:\\(?:mathrm|text|rm)\s*\{[\s~]*)?)(?=(?:[mslLAVWFHJC]|(?<=[{~])g)\s*\}*\s*[$.]*\s*(?:\Z|[/^]|\\[)\]]))"
)
"""25 \\mu \\mathrm{m}: the letter is the prefix of a unit, which ends the answer or its part above the line."""
MAX_DEPTH = 30

SIMPLE_POWER = re.compile(rf"[+-]?(?:\d+|[^\W\d_]|{'|'.join(GREEK.values())})|\d?[+-]")  # also of an ion
INDEX = re.compile(r"\d+|[^\W\d_]|[^\W\d_]{3,}")  # x_{12}, x_{n}, V_{out}
LETTER_NEXT = re.compile(r"\s*[A-Za-z](?![A-Za-z])")  # a/b c, where c is not below the line
DECIMAL = re.compile(r"[.,]\d{0,20}\s*\Z")
SEGMENT = re.compile(r"[A-Z]{2}")
FACTOR = re.compile(r"[+-]?(?:[\d.,]*|[a-z]+)(?:\w|\^-?\w|\x20(?=[a-z](?![a-z]))|sqrt\([^()]*\))+", re.IGNORECASE)
PRODUCT = re.compile(rf"(?!(?:{'|'.join(GREEK.values())})\Z)[a-z]{{2,3}}")  # bc, but not min and pi
ATOM = re.compile(r"[+-]?(?:[\d.,]+|[a-z]+(?:\^\d)?|sqrt\([^()]*\))", re.IGNORECASE)


def without_latex(text: str) -> str:
    """Plain text of `text`; unchanged when its groups are nested deeper than MAX_DEPTH."""
    if "$" in text:
        text = MATH.sub(lambda match: match.group(1) or match.group(2), text)
    if "\\mu" in text:
        text = MICRO.sub(r"\1\2u", text)
    if "\\over" in text:
        text = OVER.sub(r"\\frac{\1}{\2}", text)
    tokens = TOKEN.findall(APART.sub(r"\1", text) if " {" in text else text)
    if _depth(tokens) > MAX_DEPTH:
        return text
    return _Pass(tokens).items(closing=False)


def _depth(tokens: list[str]) -> int:
    """Deepest nesting that reading the tokens can reach: open groups, and commands that wait for their argument."""
    depth = deepest = waiting = 0
    for token in tokens:
        depth += (token == "{") - (token == "}")
        waiting = waiting + 1 if token[0] in "\\^_" else waiting if token == "{" else 0
        deepest = max(deepest, depth + waiting)
    return deepest


class _Pass:
    """One walk over the tokens; `at` is the next one."""

    def __init__(self, tokens: list[str]) -> None:
        self.tokens = tokens
        self.at = 0
        self.before = ""

    def items(self, closing: bool) -> str:
        """Text up to the end, or up to the brace that closes the group."""
        out = ""
        while self.at < len(self.tokens):
            token = self.tokens[self.at]
            self.at += 1
            if token == "}":
                if closing:
                    break
                continue
            out = _joined(out, self._item(token, out), token)
        return out

    def _item(self, token: str, before: str) -> str:
        self.before = before
        if token == "{":
            return self._bare_group(before)
        if token == "^":
            exponent = self._argument()
            return "°" if exponent == "o" and before.rstrip()[-1:].isdigit() else power(exponent)
        if token == "_":
            return self._lowered(before)
        if token == "~":
            return " "
        if token == "&":
            return ", "
        return self._command(token[1:].rstrip("*")) if token[0] == "\\" else token

    def _bare_group(self, before: str) -> str:
        inside = self.items(closing=True)
        if inside == ",":  # 1{,}250 is a number, and 3{,}5 is one with a decimal comma
            following = self.tokens[self.at] if self.at < len(self.tokens) else ""
            return ("" if re.match(r"\d{3}(?!\d)", following) else ".") if before[-1:].isdigit() else ","
        return "{" + inside + "}" if "," in inside else inside

    def _command(self, name: str) -> str:
        if not name or not name[0].isalpha():
            return ESCAPES.get(name, name if name in "%$#&_{}" else " ")
        if name in DROPPED:
            return ""
        if name in BLANKS:
            return " "
        if name in SYMBOLS:
            return SYMBOLS[name]
        if name in IGNORED_ARGUMENT:
            self._argument()
            return ""
        if name in FRACTIONS:
            above, below = self._argument(), self._argument()
            below = f"({below})" if PRODUCT.fullmatch(below) and not named(below) else _bracketed(below, ATOM)
            quotient = f"{_bracketed(above, FACTOR)}/{below}"
            following = "".join(self.tokens[self.at : self.at + 1])
            return f"({quotient})" if below[-1:].isalpha() and LETTER_NEXT.match(following) else quotient
        if name == "sqrt":
            index = self._index()
            return f"root{index}({self._argument()})" if index else f"sqrt({self._argument()})"
        if name == "textcolor":
            self._argument()
            return self._argument()
        if name in BINOMIALS:
            return f"binom({self._argument()}, {self._argument()})"
        if name in OVER_LETTERS and self.at < len(self.tokens):
            return self._marked(OVER_LETTERS[name], self.before, self._argument())
        if name == "mathring":
            return unicodedata.normalize("NFC", f"{self._argument()}\u030a")
        if name == "not":
            return self._denied()
        if self.at < len(self.tokens) and self.tokens[self.at] == "{":  # \text, \mathrm, \boxed, \operatorname ...
            self.at += 1
            return self.items(closing=True)
        return NAMED.get(name.lower(), name)

    def _lowered(self, before: str) -> str:
        """What stands behind _: an index without braces where that is clear, behind a figure the base of a number."""
        braced = self.tokens[self.at : self.at + 1] == ["{"]
        index = self._argument()
        following = "".join(self.tokens[self.at : self.at + 1])
        if before[-1:].isdigit() or before[-1:] == ")":
            return f"_{index}"
        if not INDEX.fullmatch(index):
            return f"_({index})" if index else ""
        return f"{index} " if braced and index.isdigit() and following[:1].isdigit() else index

    def _marked(self, mark: str, before: str, inside: str) -> str:
        """A bar or hat over letters; 0.\\overline{3} is 0.(3), and a bar over two letters alone says segment."""
        if inside.isdigit() and DECIMAL.search(before):
            return f"({inside})"
        if mark == "vec" and not SEGMENT.fullmatch(inside):
            return inside
        segment = mark == "bar" and SEGMENT.fullmatch(inside) and not any("+" in token for token in self.tokens)
        return inside if segment else f"{mark}({inside})"

    def _denied(self) -> str:
        """\\not before a sign."""
        if self.tokens[self.at : self.at + 1] == ["\\in"]:
            self.at += 1
            return "∉"
        following = self._argument()
        return "!=" if following == "=" else f" not {following}"

    def _index(self) -> str:
        """n of \\sqrt[n]{x}, "" without one."""
        token = self.tokens[self.at] if self.at < len(self.tokens) else ""
        inside, bracket, rest = token.lstrip().removeprefix("[").partition("]")
        if not bracket or not token.lstrip().startswith("["):
            return ""
        self.tokens[self.at : self.at + 1] = [rest] if rest else []
        return inside.strip()

    def _argument(self) -> str:
        """The next group, command or character."""
        while self.at < len(self.tokens) and self.tokens[self.at].isspace():
            self.at += 1
        if self.at == len(self.tokens):
            return ""
        token = self.tokens[self.at]
        if token == "{":
            self.at += 1
            return self.items(closing=True).strip()
        if token[0] == "\\":
            self.at += 1
            return self._command(token[1:]).strip()
        token = token.lstrip()
        if len(token) > 1:
            self.tokens[self.at] = token[1:]
        else:
            self.at += 1
        return token[:1]


def power(exponent: str) -> str:
    """ "^3", "^(x+1)"; a raised circle or prime stands by itself, and so does the end of an ordinal."""
    return (
        exponent
        if exponent[:1] in ("", "°", "'") or exponent in ("st", "nd", "rd", "th")
        else "^" + _bracketed(exponent, SIMPLE_POWER)
    )


def _bracketed(text: str, simple: re.Pattern) -> str:
    return text if simple.fullmatch(text) else f"({text})"


def _joined(out: str, piece: str, token: str) -> str:
    """`piece` behind `out`, with a blank where the two would run together into another word or number."""
    if token[0] in "\\{" and out and piece:
        last, first = out[-1], piece[0]
        if (last.isalnum() and first.isdigit() and "/" in piece) or (last.isalpha() and token[1:] in NAMED):
            return f"{out} {piece}"  # 3\frac{1}{2}, x\alpha
        if last.isdigit() and first.isalpha() and token[1:] not in NAMED and token[1:] != "sqrt":
            return f"{out} {piece}"  # 12\text{cm}
    return out + piece
