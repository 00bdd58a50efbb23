"""At least 200 pairs of answers made to hang, crash or fool a grader. Shared by tests and tests/bench/rewards.py."""

POWERS = [
    "9**9**9**9",
    "9^9^9^9",
    "10^(10^10)",
    "2^{2^{2^{2^{2^2}}}}",
    "1e999999999",
    "1e-999999999",
    "10^999999999",
    "9!!!!!!!!",
    "(10**10)**10**10",
    "factorial(10**8)",
    "sqrt(" * 200 + "2" + ")" * 200,
    "0x" + "f" * 900,
]
CODE = [
    "__import__('os').system('true')",
    "exec('while 1: pass')",
    "lambda: 0",
    "[i for i in range(10**12)]",
    "().__class__.__bases__[0].__subclasses__()",
    "open('/etc/passwd').read()",
    "Symbol('x')**Symbol('y')",
    "integrate(exp(x**x),x)",
    "\\input{/etc/passwd}",
    "${jndi:ldap://x}",
    "%s%s%s%n",
    "{0.__class__}",
]
NESTED = [
    "(" * 1900 + "1" + ")" * 99,
    "(" * 50_000,
    "{" * 50_000 + "}" * 50_000,
    "[" * 999 + "]" * 999,
    "\\frac{" * 300 + "1" + "}{2}" * 300,
    "\\frac" * 400,
    "\\text{" * 300 + "a" + "}" * 300,
    "\\sqrt{" * 300,
    "$" * 1999,
    "\\(" * 900,
    "^" * 1999,
    "\\" * 1999,
    "-" * 1999 + "1",
    "+-" * 900 + "1",
    "=" * 1999,
    "." * 1999,
    "\\boxed{" * 250 + "5" + "}" * 250,
    "\\left(" * 300 + "1" + "\\right)" * 30,
]
LONG = [
    "9" * 1_000_000,
    "9" * 1999,
    "1," * 900 + "1",
    "1,000" * 390,
    "1 000" + " 000" * 480,
    "0." + "0" * 1900 + "1",
    "a" * 1_000_000,
    "a " * 500_000,
    " " * 500_000 + "5",
    "\u00bd" * 1900,
    "\u0663" * 1900,
    "\ufdfa" * 1900,
    "\u0301" * 1999,
    "a\u0300" * 900,
    "the " * 490 + "end",
    "a.b." * 490,
    "a-b-" * 490,
    "1/" * 990 + "1",
    "1:" * 990,
    "and " * 490,
    "a, " * 600,
    "a and " * 330 + "b",
    "5 " + "cm" * 990,
    "5 " + "per " * 480,
    "5 m^2" + "^2" * 900,
    "square " * 280 + "m",
    "(a) " * 480,
    "A. " * 600 + "blue",
    "answer: " * 240 + "5",
    "x=" * 900 + "5",
    "$5" * 900,
    "\U0001f600" * 1900,
    "\ud800" * 900,
    "\x00" * 1999,
    "\n" * 1999 + "5",
    "\u200b" * 1999,
    "0" * 1999 + "5",
    "1e" * 900,
    "1.2.3." * 330,
    "%" * 1999,
    "°" * 1999,
    "no " * 660,
    "yes, " * 390,
    "'\"`" * 660,
    "colour " * 280,
    "U." * 990,
    "a_" * 990,
    "half " * 390,
    "{1," + "1," * 900 + "1}",
    "1" + "0" * 59,
    "1/" + "3" * 58,
]
# Short enough to be read as an answer: longer ones are only compared as they are.
READ_WHOLE = [text[:390] + end for text in (*NESTED, *LONG) for end in ("", "x")] + [
    f"1{stop * 390}x" for stop in ".,;!?:/-'*()"
]
PLAIN = ["5", "2.5", "blue", "1/2"]


def hostile_pairs() -> list[tuple[str, str]]:
    """Every hostile text against itself, a plain answer of changing kind, and its neighbour in the list."""
    texts = [*POWERS, *CODE, *NESTED, *LONG, *READ_WHOLE]
    pairs = [(text, text) for text in texts]
    pairs += [(text, PLAIN[i % len(PLAIN)]) for i, text in enumerate(texts)]
    pairs += [(texts[i], texts[i - 1]) for i in range(len(texts))]
    return pairs
