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
    "primes and quotes": (
        [("'A', 'B'", "A, B"), ("'A'", "A"), ("O'Neil", "ONeil"), ("A'B + AB", "A'B+AB")],
        [
            ("A'", "A"),
            ("A'.", "A"),
            ("A'B + AB", "AB' + AB"),
            ("y''", "y'"),
            ("f'", "f"),
            ("△A'B'C'", "△ABC"),
            ("A', B'", "A, B"),
        ],
    ),
    "bars and hats": (
        [
            ("x̄", "\\bar{x}"),
            ("São Paulo", "Sao Paulo"),
            ("\\overline{AB}", "AB"),
            ("\\overline{AB} \\parallel \\overline{CD}", "AB ∥ CD"),
            ("0.\\overline{3}", "1/3"),
        ],
        [
            ("\\overline{A}B", "AB"),
            ("\\overline{A}+B", "A+B"),
            ("\\overline{AB}", "\\overline{A}\\,\\overline{B}"),
            ("\\bar{x}", "x"),
            ("\\hat{p}", "p"),
            ("\\widehat{AB}", "AB"),
            ("x̄", "x"),
        ],
    ),
    "braces of powers and indices": (
        [
            ("e^{2x}", "e^(2x)"),
            ("e^{-x}", "e^(-x)"),
            ("x^{12}", "x^12"),
            ("\\text{CO}_2", "CO2"),
            ("x_{1}", "x_1"),
            ("3^{rd}", "3rd"),
        ],
        [
            ("e^{2x}", "e^{2}x"),
            ("2^{3n}", "2^3 n"),
            ("10^{2x}", "10^{2}x"),
            ("a_{n+1}", "a_{n}+1"),
            ("x_{2y}", "x_{2}y"),
            ("\\log_{10}5", "\\log 105"),
        ],
    ),
    "bases of numbers": (
        [("1011₂", "1011_{2}"), ("(1011)_2", "1011_2"), ("12_000", "12000")],
        [("1011_2", "10112"), ("101_{2}", "1012"), ("25₈", "258"), ("\\binom{5}{2}", "52")],
    ),
    "a scale behind a range": (
        [
            ("1-2 million", "1 million to 2 million"),
            ("10-15 thousand", "10,000-15,000"),
            ("$50-75k", "$50k-$75k"),
            ("500 to 1 million", "500 to 1,000,000"),
        ],
        [("1-2 million", "$1 to $2,000,000"), ("10-15k", "10 to 15,000")],
    ),
    "roots, pi and not are no names": (
        [("√5 ≈ 2.24", "√5"), ("\\sqrt{3} : 1", "√3:1"), ("x \\not= 5", "x != 5")],
        [("√5 ≈ 2.24", "2.24"), ("\\pi \\approx 3.14", "3.14"), ("√2 : 1", "1"), ("π : 4", "4"), ("x \\not= 5", "5")],
    ),
    "signs before and behind": (
        [("Blue!", "blue"), ("B!", "B"), ("+/- 3", "±3"), ("+-3", "±3"), ("plus or minus 3", "±3")],
        [("n!", "n"), ("2n!", "2n"), ("+-3", "-3"), ("!A", "A"), ("{∅}", "∅")],
    ),
    "small mix-ups": (
        [
            ("2019/03", "March 2019"),
            ("£5", "5 pounds"),
            ("5 lb", "5 pounds"),
            ("blue color", "blue"),
            ("8.3\\,\\mathring{A}", "8.3 Å"),
        ],
        [
            ("2019/03", "673"),
            ("£5", "5 lb"),
            ("eye color", "eye"),
            ("color blindness", "blindness"),
            ("8.3\\,\\mathring{A}", "8.3 A"),
        ],
    ),
    "composite units": (
        [
            ("50 kg·m/s", "50"),
            ("50 kg·m/s", "50 kg m s^{-1}"),
            ("5 W/(m·K)", "5 W m⁻¹ K⁻¹"),
            ("5 J/kg·K", "5 J/(kg·K)"),
            ("2 mol/(L·s)", "2 mol L⁻¹ s⁻¹"),
            ("5 N-m", "5 Nm"),
            ("5 kg-m²", "5 kg·m²"),
            ("5 ms⁻¹", "5 m/s"),
            ("5 s⁻¹", "5 per second"),
            ("4500 cm⁻¹", "4500"),
            ("9.8 m/s/s", "9.8 m/s²"),
        ],
        [("3g-h", "3"), ("5/s", "5"), ("5 J/kg", "5 J·kg")],
    ),
    "readings of the normal form": (
        [
            ("March seventh, 2019", "7 March 2019"),
            ("the twenty-first of March 2019", "21 March 2019"),
            ("2 hours & 45 minutes", "2 h 45 min"),
            ("one minute thirty seconds", "1 min 30 s"),
            ("level three", "3"),
            ("one over eight", "1/8"),
            ("Therefore, the answer is B.", "B"),
            ("x = 2 & x = 5", "x = 2 or x = 5"),
            ("0.5 per second", "1/2 per second"),
            ("1H19", "1h19"),
        ],
        [],
    ),
    "an option with an amount": (
        [
            ("Option A: 30°", "A"),
            ("Option A: 30°", "30°"),
            ("Option B: $12", "$12"),
            ("5 (B)", "B"),
            ("C.Red line", "C"),
        ],
        [("Option B: 12 cm", "C"), ("Option B: 12 cm", "12 m"), ("U.S.", "U")],
    ),
    "micro and kilo in LaTeX": (
        [
            ("25 \\mu \\mathrm{m}", "25 μm"),
            ("10\\ \\mu\\text{m}", "10 μm"),
            ("5 \\mu F", "5 μF"),
            ("2.4 \\mathrm{k} \\Omega", "2.4 kΩ"),
            ("10 \\mathrm{~k} \\Omega", "10 kΩ"),
        ],
        [("2\\mu g", "2"), ("5 \\mu m", "5 m")],
    ),
    "units and their names": (
        [
            ("3 T", "3 tesla"),
            ("5 C", "5 coulombs"),
            ("5 C", "5 °C"),
            ("5 F", "5 farads"),
            ("8.3 μF", "8.3 microfarads"),
            ("2 ly", "2 light years"),
            ("760 mm Hg", "760 mmHg"),
            ("36 sq.cm", "36 cm²"),
            ("8.3 \\AA", "8.3 Å"),
            ("50 rev/min", "50 revolutions per minute"),
            ("5 metric tons", "5 tonnes"),
            ("MXN 50", "50 MXN"),
        ],
        [("5 °C", "5 coulombs"), ("3D", "3"), ("5T", "5"), ("5 Mt", "5 mT")],
    ),
    "rates and amounts of something": (
        [
            ("5 per 100,000", "5"),
            ("5 parts per million", "5 ppm"),
            ("8 L/100 km", "8"),
            ("$15 an hour", "$15 per hour"),
            ("20 miles an hour", "20 mph"),
            ("12% a year", "12%"),
            ("5 g of NaCl", "5 g"),
            ("5 cups of flour", "5"),
        ],
        [
            ("5 per 100,000", "5 per 1,000"),
            ("12% a year", "12% a month"),
            ("5 of hearts", "5"),
            ("5 g of NaCl", "5 kg"),
        ],
    ),
    "a number in brackets before its unit": (
        [
            ("(1/2)π", "π/2"),
            ("(5/2)√3", "\\frac{5\\sqrt{3}}{2}"),
            ("\\left(\\frac{75}{2}\\right)^\\circ", "37.5°"),
            ("(12.5)\\%", "12.5%"),
            ("(12.0 ± 0.5) cm", "12.0 ± 0.5 cm"),
        ],
        [("(1/2)x", "1/2")],
    ),
    "durations": (
        [("2h45m", "2 h 45 min"), ("1m 30s", "1 min 30 s"), ("two hours and thirty minutes", "2 h 30 min")],
        [("1m 30cm", "1 min 30 cm"), ("two hours and three apples", "2")],
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
