"""The tiny base's cache key: the same under every Python version, changed by code and by nothing else."""

import hashlib

import pytest

from recipe.mmzero.tiny.cache import code_only

SOURCE = '''"""What this is."""

X = 1  # one


def f(name):
    """A docstring
    over two lines."""
    # a comment of its own
    text = f"{name!r:>{10}} # no comment"
    return """kept: it is a value""", text
'''


def test_key_of_a_source_is_fixed():
    """Python 3.10 to 3.12 parse f-strings and print trees differently; this number is the same for all."""
    expected = 'X = 1\ndef f(name):\n    text = f"{name!r:>{10}} # no comment"\n'
    expected += '    return """kept: it is a value""", text'
    assert code_only(SOURCE) == expected
    assert hashlib.sha256(code_only(SOURCE).encode()).hexdigest()[:12] == "fbb073dce611"


@pytest.mark.parametrize(
    ("old", "new", "same"),
    [
        ("# one", "# the first", True),
        ("over two lines", "elsewhere", True),
        ("\n\n\ndef", "\n\n# more\n\ndef", True),
        ("X = 1", "X = 2", False),
        ("# no comment", "# changed", False),
        ("kept: it", "kept that it", False),
    ],
)
def test_what_changes_the_key(old, new, same):
    assert old in SOURCE
    assert (code_only(SOURCE.replace(old, new)) == code_only(SOURCE)) == same
