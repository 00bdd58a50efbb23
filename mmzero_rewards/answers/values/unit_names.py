"""Names and symbols of units: what is written -> the unit that is meant, as written and without case.

Prefixes that differ by case alone (m and M) count as written, else the first one listed is meant: 5 mhz is 5 MHz, 5 mHz
are millihertz.
"""

NAMES = {
    "percent": "% pct percentage per_cent percentages",
    "percentage point": "percentage_points pp",
    "degree": "° deg degs degrees °angle degree_angle degrees_angle",
    "radian": "rad rads radians",
    "celsius": "°c c °celsius degree_celsius degrees_celsius degrees_c degree_c deg_c centigrade degrees_centigrade",
    "fahrenheit": "°f f °fahrenheit degree_fahrenheit degrees_fahrenheit degrees_f degree_f deg_f",
    "kelvin": "K kelvins",
    "usd": "$ us$ usd dollar dollars us_dollar us_dollars american_dollars buck bucks",
    "hkd": "hk$",
    "sgd": "s$",
    "nzd": "nz$",
    "eur": "€ eur euro euros",
    "pound": "pounds",
    "gbp": "£ pound_sterling pounds_sterling british_pounds",
    "lb": "lbs lb. lbs.",
    "cent": "¢ cents",
    "yen": "¥ jpy yens japanese_yen",
    "yuan": "cny rmb yuans chinese_yuan",
    "rupee": "₹ inr rs rs. rupees indian_rupees",
    "won": "₩ krw",
    "rouble": "₽ rub ruble rubles roubles",
    "chf": "swiss_franc swiss_francs",
    "cad": "c$ ca$ canadian_dollars",
    "aud": "a$ au$ australian_dollars",
    "brl": "r$ reais",
    "sek": "",
    "nok": "",
    "dkk": "",
    "inch": 'in inches "',
    "foot": "ft feet",
    "gallon": "gal gals gallons",
    "horsepower": "hp",
    "angstrom": "Å å angstroms",
    "mpg": "miles_per_gallon",
    "time": "times",
    "yard": "yd yds yards",
    "mile": "mi miles",
    "tonne": "t ton tons tonnes metric_ton metric_tons metric_tonnes",
    "ounce": "oz ounces",
    "s": "sec secs second seconds",
    "min": "mins minute minutes",
    "h": "hr hrs hour hours",
    "day": "d days",
    "week": "wk wks weeks",
    "month": "mo months",
    "year": "yr yrs years",
    "mph": "miles_per_hour",
    "km/h": "kmh kph kmph",
    "px": "pixel pixels",
    "pt": "pts point points",
    "unit": "units",
    "kg": "kgs kilo kilos",
    "ha": "hectare hectares",
    "light year": "ly light_years lightyear lightyears light-year light-years",
    "parsec": "pc parsecs",
    "astronomical unit": "AU astronomical_units",
    "mmHg": "mm_hg",
    "atm": "atmosphere atmospheres",
    "Mt": "megaton megatons megatonne megatonnes",
    "mxn": "mexican_pesos",
    "zar": "",
    "thb": "baht",
    "weber": "Wb webers",
    "lumen": "lm lumens",
    "lux": "lx",
    "becquerel": "Bq becquerels",
    "sievert": "Sv sieverts",
    "bps": "",
    "rpm": "rev/min revs/min revolutions_per_minute",
    "fps": "frames_per_second frames/s frames/second",
    "bpm": "beats_per_minute beats/min",
    "ppm": "parts_per_million",
    "ppb": "parts_per_billion",
    "db": "decibel decibels",
}
PREFIXES = {"k": "kilo", "M": "mega", "G": "giga", "T": "tera", "P": "peta", "h": "hecto", "d": "deci", "c": "centi"}
PREFIXES |= {"m": "milli", "u": "micro", "n": "nano", "p": "pico"}
NAMED_IN_FULL = {"B": "byte", "b": "bit", "F": "farad", "C": "coulomb"}  # 5 B is five billion, 5 F and 5 C two things
# Symbol: (spelled names, prefixes). Where lower case is ambiguous (mw), the first prefix listed is meant.
SI = {
    "m": ("meter metre", "c k m d u n"),
    "g": ("gram gramme", "k m u"),
    "s": ("second", "m u n"),
    "l": ("liter litre", "m c d"),
    "W": ("watt", "k M G T m"),
    "Wh": ("watt-hour", "k M G T"),
    "V": ("volt", "k m M u"),
    "A": ("ampere amp", "m k u n p"),
    "ohm": ("ohm", "k M"),
    "Hz": ("hertz", "k M G T"),
    "J": ("joule", "k M G"),
    "N": ("newton", "k M"),
    "Pa": ("pascal", "k h M G"),
    "B": ("byte", "k M G T P"),
    "b": ("bit", "k M G T"),
    "bps": ("bit/s", "k M G"),
    "cal": ("calorie", "k"),
    "eV": ("electronvolt", "k M G"),
    "mol": ("mole", "m"),
    "T": ("tesla", "m u n"),
    "H": ("henry", "m u n"),
    "F": ("farad", "m u n p"),
    "C": ("coulomb", "m u n p"),
}


def _other_case(prefixes: list[str]) -> list[str]:
    """m where M is listed and M where m is, so that neither is read as the other."""
    return [other for prefix, other in (("m", "M"), ("M", "m")) if prefix in prefixes and other not in prefixes]


def named(unit: str) -> str:
    """The unit that this symbol or name stands for, "" for none."""
    return EXACT.get(unit) or FOLDED.get(unit.casefold(), "")


def _symbols() -> tuple[dict[str, str], dict[str, str]]:
    """(as written, without case): alias -> unit. Single letters count only as written: 5 M is not 5 m, 5G not 5 g."""
    exact, folded = {}, {}
    for unit, aliases in NAMES.items():
        for alias in [unit, *(alias.replace("_", " ") for alias in aliases.split())]:
            exact[alias] = unit
            if len(alias) > 1 or not alias.isalpha():
                folded[alias.casefold()] = unit
    exact |= {"L": "l", "Kg": "kg", "omega": "ohm", "Omega": "ohm"}
    for symbol, (names, prefixes) in SI.items():
        listed = prefixes.split()
        for prefix in ["", *listed, *_other_case(listed)]:
            unit = prefix + symbol if prefix or symbol not in NAMED_IN_FULL else NAMED_IN_FULL[symbol]
            exact.setdefault(unit, unit)
            if len(unit) > 1:
                folded.setdefault(unit.casefold(), unit)
            for name in names.split():
                for spelled in (name, name + "s"):
                    folded.setdefault(PREFIXES.get(prefix, "") + spelled, unit)
    exact |= {"Nm": "N*m", "Mb/s": "Mbps", "Gb/s": "Gbps", "kb/s": "kbps", "Kb/s": "kbps"}
    exact |= {"Kb": "kb", "mL": "ml", "ML": "Ml", "momega": "mohm", "Momega": "Mohm", "m omega": "mohm"}
    exact |= {
        "MBps": "MB/s",
        "GBps": "GB/s",
        "kBps": "kB/s",
        "KBps": "kB/s",
        "M omega": "Mohm",
        "C": "C",
        "F": "F",
        "pc": "parsec",
    }
    folded |= {
        "mls": "ml",
        "msec": "ms",
        "kilohm": "kohm",
        "kilohms": "kohm",
        "megohm": "Mohm",
        "megohms": "Mohm",
        "k omega": "kohm",
        "henries": "H",
        "cms": "cm",
        "kms": "km",
        "komega": "kohm",
        "momega": "Mohm",
        "micron": "um",
        "microns": "um",
        "lt": "l",
        "ltr": "l",
    }
    return exact, folded | {"cc": "cm^3", "sqft": "foot^2", "sqm": "m^2", "sqkm": "km^2"}


EXACT, FOLDED = _symbols()
KNOWN = frozenset([*EXACT.values(), *FOLDED.values()])
PREFIX_CURRENCIES = {
    alias.replace("_", " "): unit
    for unit in (
        "usd",
        "eur",
        "gbp",
        "yen",
        "yuan",
        "rupee",
        "won",
        "rouble",
        "chf",
        "cad",
        "aud",
        "brl",
        "hkd",
        "sgd",
        "nzd",
        "mxn",
        "zar",
        "thb",
    )
    for alias in [unit, *NAMES[unit].split()]
    if len(alias) <= 3 and alias not in ("won", "yen")
}
"""What may stand before an amount: symbols and three-letter codes."""
