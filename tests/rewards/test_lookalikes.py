"""Answers that look alike and are not the same, each kind with the spellings that are: a row stands for its kind."""

import pytest

from mmzero_rewards.answers.grading import canonical, grade

ALIKE = {
    "an option's letter in a sentence": (
        [
            ("A and (C)", "A and C"),
            ("12 cm (B)", "B"),
            ("(B) is correct", "B"),
            ("Cannot be determined (D)", "D"),
            ("(D) Cannot be determined", "D"),
            ("None of the above (D)", "D"),
        ],
        [
            ("Not (B)", "B"),
            ("The answer is not (B)", "B"),
            ("It cannot be (B)", "B"),
            ("(B) is wrong", "B"),
            ("All except (B)", "B"),
            ("A, B and (C)", "C"),
            ("A or (B)", "B"),
            ("next to (B)", "B"),
            ("I would not pick (B)", "B"),
        ],
    ),
    "ordinals and parts": (
        [
            ("twenty-third", "23rd"),
            ("twenty third", "23rd"),
            ("twenty-fifth anniversary", "25th anniversary"),
            ("twenty-thirds", "20/3"),
            ("two-thirds", "2/3"),
        ],
        [("twenty-third", "20/3"), ("forty-fifth", "8")],
    ),
    "prefixes that differ by case": (
        [
            ("5 mN", "5 millinewtons"),
            ("5 mn", "5 million"),
            ("5 mhz", "5 MHz"),
            ("5 KB", "5 kB"),
            ("5 CM", "5 cm"),
            ("8 Mb", "8 megabits"),
        ],
        [
            ("5 mN", "5 million"),
            ("7 MN", "7 million"),
            ("5 mPa", "5 MPa"),
            ("8.3 meV", "8.3 MeV"),
            ("5 mHz", "5 MHz"),
            ("5 pA", "5 Pa"),
            ("5 mm", "5 Mm"),
            ("5 mL", "5 ML"),
            ("5 mΩ", "5 MΩ"),
            ("5 kb", "5 kB"),
            ("5 Mb", "5 MB"),
        ],
    ),
    "formulas and amounts": (
        [
            ("\\frac{1}{2}mv^2", "(1/2)mv^2"),
            ("KE = ½mv²", "½mv²"),
            ("½cm", "1/2 cm"),
            ("12CM", "12 cm"),
            ("\\frac{1}{2} cm^2", "1/2 cm²"),
        ],
        [("\\frac{1}{2}mv^2", "1/2"), ("\\frac{1}{2}kA^2", "1/2"), ("6s^2", "6"), ("2ma", "2")],
    ),
}


@pytest.mark.parametrize("kind", ALIKE)
def test_alike(kind):
    equal, different = ALIKE[kind]
    missed = [(a, b) for a, b in equal if not (grade(a, b) and grade(b, a))]
    mixed = [(a, b) for a, b in different if grade(a, b) or grade(b, a)]
    assert not missed and not mixed


@pytest.mark.parametrize("kind", ALIKE)
def test_their_keys_read_as_themselves(kind):
    for text in {text for pairs in ALIKE[kind] for pair in pairs for text in pair}:
        key = canonical(text)
        assert canonical(key) == key and grade(text, key), (text, key)
