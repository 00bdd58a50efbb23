"""Custom properties and `var()` (https://www.w3.org/TR/css-variables-1/)."""

from collections.abc import Mapping

import tinycss2

# Characters that all substitutions in a document may make together: a chain of variables that double each other ends.
MOST_CHARACTERS = 1 << 16
MAX_NESTING = 30
BLOCKS = {"() block": "()", "[] block": "[]", "{} block": "{}"}


class Invalid(ValueError):
    """A variable that is missing and has no fallback, one that contains itself, or one that grows without end."""


class Substitution:
    """Replaces var() by values; one per document."""

    def __init__(self):
        self._left = MOST_CHARACTERS

    def resolve(self, own: Mapping[str, str], inherited: Mapping[str, str]) -> dict[str, str]:
        """All custom properties of an element, without var(): `own` as declared, `inherited` as resolved before."""
        values = dict(inherited)
        for name in own:
            values.pop(name, None)
        for name in own:
            self._resolve(name, own, values, inherited, ())
        return values

    def replace(self, text: str, values: Mapping[str, str]) -> str:
        """`text` with each var() replaced.

        Raises:
            Invalid: the declaration is invalid at computed-value time.

        >>> Substitution().replace("1px solid var(--c, var(--d))", {"--d": "red"})
        '1px solid red'
        """
        return self._tokens(tinycss2.parse_component_value_list(text), values.get, 0)

    def _resolve(self, name: str, own, values: dict[str, str], inherited, open_names: tuple[str, ...]) -> None:
        if name in values or name in open_names:
            return
        if "var(" not in own[name].lower():
            values[name] = own[name]
            return
        if len(open_names) > MAX_NESTING:
            return

        def get(other: str) -> str | None:
            if other in own:
                self._resolve(other, own, values, inherited, (*open_names, name))
            return values.get(other)

        try:
            values[name] = self._tokens(tinycss2.parse_component_value_list(own[name]), get, 0)
        except Invalid:
            values.pop(name, None)

    def _tokens(self, tokens, get, depth: int) -> str:
        if depth > MAX_NESTING:
            raise Invalid("nested too deep")
        return "".join(self._token(token, get, depth) for token in tokens).strip()

    def _token(self, token, get, depth: int) -> str:
        if token.type == "function" and token.lower_name == "var":
            return self._var(token.arguments, get, depth)
        if token.type == "function":
            text = f"{token.name}({self._tokens(token.arguments, get, depth + 1)})"
        elif token.type in BLOCKS:
            left, right = BLOCKS[token.type]
            text = left + self._tokens(token.content, get, depth + 1) + right
        else:
            text = token.serialize()
        return text

    def _var(self, arguments, get, depth: int) -> str:
        words = [token for token in arguments if token.type not in ("whitespace", "comment")]
        if not words or words[0].type != "ident" or not words[0].value.startswith("--"):
            raise Invalid("var() without a name")
        value = get(words[0].value)
        if value is None:
            if len(words) < 2 or words[1] != ",":
                raise Invalid(words[0].value)
            value = self._tokens(arguments[arguments.index(words[1]) + 1 :], get, depth + 1)
        self._left -= len(value)
        if self._left < 0:
            raise Invalid("too long")
        return value
