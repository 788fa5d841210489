"""What `<say-as>` asks for, as words that any engine reads aloud as meant.

Spelling and digits hold for every language. Dates, fractions and ordinals are written out for
English; of other languages an engine knows the words better than we do, and gets the text.
"""

from __future__ import annotations

import re

MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)

_NUMBERS = re.compile(r"[0-9]+")
_FRACTION = re.compile(r"\s*(?:([0-9]+)\s*\+\s*)?([0-9]+)\s*/\s*([0-9]+)\s*")
_LENGTH = re.compile(r"\s*([0-9]+)\s*'\s*(?:([0-9]+(?:\.[0-9]+)?)\s*(?:\"|'')?)?\s*")
_UNITS = {
    "ft": "foot feet",
    "in": "inch inches",
    "m": "metre metres",
    "cm": "centimetre centimetres",
    "mm": "millimetre millimetres",
    "km": "kilometre kilometres",
    "mi": "mile miles",
    "g": "gram grams",
    "kg": "kilogram kilograms",
    "lb": "pound pounds",
    "oz": "ounce ounces",
    "l": "litre litres",
    "ml": "millilitre millilitres",
    "s": "second seconds",
    "min": "minute minutes",
    "h": "hour hours",
}
_UNIT = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)[\s-]*([A-Za-z]+)\.?\s*")


def spelt_out(text: str, interpret_as: str | None, form: str | None = None) -> str:
    """`text` as it is to be read; unchanged where there is nothing to do or it does not fit."""
    match interpret_as:
        case "characters" | "spell-out":
            return ", ".join(character for character in text if not character.isspace())
        case "digits":
            return " ".join(text)
        case "telephone":
            return _telephone(text)
        case "cardinal" | "number":
            return _NUMBERS.sub(lambda found: found[0].lstrip("0") or "0", text.replace(",", ""))
        case "ordinal":
            return _NUMBERS.sub(lambda found: ordinal(int(found[0])), text)
        case "fraction":
            return _fraction(text)
        case "unit":
            return _unit(text)
        case "date":
            return _date(text, form)
        case "time":
            return _time(text)
    return text


def ordinal(number: int) -> str:
    """1st, 2nd, 3rd, 4th, 11th, 21st."""
    ending = "th" if number // 10 % 10 == 1 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def _telephone(text: str) -> str:
    groups = re.findall(r"[0-9]+|\+", text)
    return ", ".join("plus" if group == "+" else " ".join(group) for group in groups) or text


def _fraction(text: str) -> str:
    match = _FRACTION.fullmatch(text)
    if match is None:
        return text
    whole, over, under = match[1], int(match[2]), int(match[3])
    part = {2: "half", 4: "quarter"}.get(under) or ordinal(under)
    if over != 1:
        part = "halves" if under == 2 else f"{part}s"
    return (f"{whole} and " if whole else "") + f"{over} {part}"


def _unit(text: str) -> str:
    match = _UNIT.fullmatch(text)
    names = _UNITS.get(match[2]) if match else None
    if match is None or names is None:
        return text
    one, many = names.split()
    return f"{match[1]} {one if float(match[1]) == 1 else many}"


def _time(text: str) -> str:
    """Twilio's `1'21"` is a length of time; a time of day is read well by itself."""
    match = _LENGTH.fullmatch(text)
    if match is None:
        return text
    minutes = f"{match[1]} minute" + ("" if int(match[1]) == 1 else "s")
    if not match[2]:
        return minutes
    return f"{minutes}, {match[2]} second" + ("" if float(match[2]) == 1 else "s")


def _date(text: str, form: str | None) -> str:
    """A date of numbers in the order that `form` tells."""
    numbers = _NUMBERS.findall(text)
    if form == "yyyymmdd" and len(numbers) == 1 and len(numbers[0]) == 8:
        numbers, form = [numbers[0][:4], numbers[0][4:6], numbers[0][6:]], "ymd"
    order = "ymd" if form == "yyyymmdd" else form or "mdy"
    if len(numbers) != len(order):
        return text
    given = dict(zip(order, map(int, numbers), strict=True))
    month = given.get("m")
    if month is not None and not 1 <= month <= 12:
        return text
    parts = [MONTHS[month - 1]] if month is not None else []
    if "d" in given:
        parts.append(ordinal(given["d"]))
    spoken = " ".join(parts)
    if "y" not in given:
        return spoken
    return f"{spoken}, {given['y']}" if spoken else str(given["y"])
