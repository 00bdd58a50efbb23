"""What a setting may be, declared where its type is: a dataclass field carries a rule, and whoever reads it compares.

    @dataclass
    class Clip:
        low: float = number(above=0, most=1)
        mode: str = choice("window", "off", default="window")

    rules_of(Clip)["low"].problem("clip.low", -0.2)
    -> "clip.low must be a number above 0 and at most 1, got -0.2"

A field without `default` has OmegaConf's marker for "must be given". `rules_of` raises for a field that declares
nothing, so that a new setting cannot be forgotten. Not covered: what several settings say together (each reader's own
checks).
"""

import math
from collections.abc import Callable
from dataclasses import Field, dataclass, field, fields, is_dataclass
from itertools import pairwise
from typing import Any, get_args

REQUIRED = "???"  # OmegaConf's MISSING; this package does without OmegaConf
RULE = "rule"


@dataclass(frozen=True)
class Rule:
    """One declaration: `says` completes "must be ...", `accepts` decides, `choices`: what a typo is compared with."""

    says: str
    accepts: Callable[[Any], bool]
    choices: tuple[str, ...] = ()
    path: bool = False  # a file or folder: the command line takes it as written, a leading ~ is the home folder
    several: bool = False  # a list, whose items `choices` are of

    def problem(self, name: str, value: Any) -> str | None:
        """One line if `value` is not allowed, else None."""
        if self.accepts(value):
            return None
        if self.choices and self.several == isinstance(value, list | tuple):
            from mmzero_env.config.hints import did_you_mean  # difflib: not for a process that only draws

            if not self.several:
                hint = did_you_mean(str(value), self.choices)
                return f"{name} is {shown(value)}; choose one of {', '.join(self.choices)}{hint}"
            wrong = [one for one in value if one not in self.choices]
            if wrong:
                listed = f"{', '.join(self.choices[:-1])} and {self.choices[-1]}"
                hint = did_you_mean(str(wrong[0]), self.choices)
                return f"{name} may hold {listed}, not {shown(wrong[0])}{hint}"
        return f"{name} must be {self.says}, got {shown(value)}"


def shown(value: Any) -> str:
    """A value for a message, short enough for one line."""
    text = repr(value).replace("\n", " ")
    return text if len(text) <= 80 else text[:77] + "..."


def is_number(value: Any, whole: bool = False) -> bool:
    kind = int if whole else int | float
    return isinstance(value, kind) and not isinstance(value, bool) and math.isfinite(value)


def number_rule(
    least: float | None = None,
    most: float | None = None,
    *,
    above: float | None = None,
    below: float | None = None,
    whole: bool = False,
    also: tuple[Any, ...] = (),
) -> Rule:
    """A finite number inside the bounds (`above` and `below` exclude theirs), or one of `also`."""

    def accepts(value: Any) -> bool:
        if any(value is one or (value == one and type(value) is type(one)) for one in also):
            return True
        return (
            is_number(value, whole)
            and (least is None or value >= least)
            and (above is None or value > above)
            and (most is None or value <= most)
            and (below is None or value < below)
        )

    return Rule(f"a{' whole' if whole else ''} number{_bounds(least, most, above, below)}{_also(also)}", accepts)


def _bounds(least: float | None, most: float | None, above: float | None, below: float | None) -> str:
    if least is not None and most is not None:
        return f" from {_plain(least)} to {_plain(most)}"
    low = (
        f" above {_plain(above)}" if above is not None else f" of at least {_plain(least)}" if least is not None else ""
    )
    high = f" at most {_plain(most)}" if most is not None else f" below {_plain(below)}" if below is not None else ""
    return low + (" and" if low and high else "") + high


def _plain(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:g}"


def _also(values: tuple[Any, ...]) -> str:
    return "".join(f", or {'null' if value is None else value}" for value in values)


def choice_rule(*values: str) -> Rule:
    return Rule(f"one of {', '.join(values)}", lambda value: isinstance(value, str) and value in values, values)


def items_rule(
    of: Rule, least: int = 0, most: int | None = None, *, ascending: bool = False, distinct: bool = False
) -> Rule:
    """A list of `least` to `most` items that `of` accepts; `ascending`: none is smaller than the one before."""

    def accepts(value: Any) -> bool:
        if not isinstance(value, list | tuple) or len(value) < least or (most is not None and len(value) > most):
            return False
        if not all(of.accepts(one) for one in value):
            return False
        if distinct and len(set(value)) < len(value):
            return False
        return not ascending or all(low <= high for low, high in pairwise(value))

    count = f"{least}" if most == least else f"{least} or more" if least else "any number of"
    says = f"a list of {count}{' different' if distinct else ''} items, each {of.says}"
    if ascending and least == most == 2:
        says = f"[low, high] with low <= high, each {of.says}"
    return Rule(says, accepts, of.choices, several=True)


def text_rule(says: str = "a text that is not empty", *, null: bool = False, path: bool = False) -> Rule:
    def accepts(value: Any) -> bool:
        if value is None:
            return null
        return isinstance(value, str) and bool(value.strip()) and value.isprintable()

    return Rule(says + (", or null" if null else ""), accepts, path=path)


FLAG = Rule("true or false", lambda value: isinstance(value, bool))


# --- dataclass fields -----------------------------------------------------------------------------------------------


def declare(rule: Rule, default: Any = REQUIRED) -> Any:
    """A dataclass field with a rule."""
    if isinstance(default, list | dict):
        return field(default_factory=lambda: type(default)(default), metadata={RULE: rule})
    return field(default=default, metadata={RULE: rule})


def number(least: float | None = None, most: float | None = None, *, default: Any = REQUIRED, **bounds: Any) -> Any:
    return declare(number_rule(least, most, **bounds), default)


def whole(least: int | None = None, most: int | None = None, *, default: Any = REQUIRED, **bounds: Any) -> Any:
    return declare(number_rule(least, most, whole=True, **bounds), default)


def choice(*values: str, default: Any = REQUIRED) -> Any:
    return declare(choice_rule(*values), default)


def items(of: Rule, least: int = 0, most: int | None = None, *, default: Any = REQUIRED, **order: Any) -> Any:
    return declare(items_rule(of, least, most, **order), default)


def text(says: str = "a text that is not empty", *, default: Any = REQUIRED, null: bool = False, path=False) -> Any:
    return declare(text_rule(says, null=null, path=path), default)


def flag(*, default: Any = REQUIRED) -> Any:
    return declare(FLAG, default)


# --- reading --------------------------------------------------------------------------------------------------------


def key_of(item: Field) -> str:
    """Field name -> key: a trailing underscore only avoids a word of Python (`lambda_`)."""
    return item.name.rstrip("_")


def block_of(item: Field) -> type | None:
    """The dataclass that a field holds (`X` or `X | None`), or None for a leaf."""
    return next((one for one in (item.type, *get_args(item.type)) if is_dataclass(one)), None)


def rules_of(cls: type, prefix: str = "") -> dict[str, Rule]:
    """Dotted key -> rule of every leaf of a dataclass and of the dataclasses in it.

    Raises:
        TypeError: a leaf declares nothing.
    """
    found: dict[str, Rule] = {}
    for item in fields(cls):
        dotted, inner = prefix + key_of(item), block_of(item)
        if RULE in item.metadata:
            found[dotted] = item.metadata[RULE]
        elif inner is not None:
            found |= rules_of(inner, dotted + ".")
        else:
            raise TypeError(f"{cls.__name__}.{item.name} declares no range or choice")
    return found
