from __future__ import annotations

import pytest

from bridge.sound.sayas import ordinal, spelt_out


@pytest.mark.parametrize(
    ("text", "kind", "form", "spoken"),
    [
        ("aB 1", "characters", None, "a, B, 1"),
        ("ok", "spell-out", None, "o, k"),
        ("2026", "digits", None, "2 0 2 6"),
        ("+1 (415) 555-2671", "telephone", None, "plus, 1, 4 1 5, 5 5 5, 2 6 7 1"),
        ("none", "telephone", None, "none"),
        ("0012,345", "cardinal", None, "12345"),
        ("0", "number", None, "0"),
        ("21", "ordinal", None, "21st"),
        ("3/4", "fraction", None, "3 quarters"),
        ("1/2", "fraction", None, "1 half"),
        ("2 + 2/5", "fraction", None, "2 and 2 5ths"),
        ("half", "fraction", None, "half"),
        ("6ft", "unit", None, "6 feet"),
        ("1 kg", "unit", None, "1 kilogram"),
        ("9 parsecs", "unit", None, "9 parsecs"),
        ("12/31/2025", "date", "mdy", "December 31st, 2025"),
        ("31.12.2025", "date", "dmy", "December 31st, 2025"),
        ("2025-12-01", "date", "ymd", "December 1st, 2025"),
        ("20251222", "date", "yyyymmdd", "December 22nd, 2025"),
        ("4/7", "date", "md", "April 7th"),
        ("7/4", "date", "dm", "April 7th"),
        ("12/2025", "date", "my", "December, 2025"),
        ("12", "date", "m", "December"),
        ("5", "date", "d", "5th"),
        ("1999", "date", "y", "1999"),
        ("13/31/2025", "date", "mdy", "13/31/2025"),
        ("tomorrow", "date", "mdy", "tomorrow"),
        ("1'21\"", "time", None, "1 minute, 21 seconds"),
        ("2'", "time", None, "2 minutes"),
        ("5:30pm", "time", None, "5:30pm"),
        ("Mill St", "address", None, "Mill St"),
        ("as it is", None, None, "as it is"),
    ],
)
def test_spelt_out(text: str, kind: str | None, form: str | None, spoken: str) -> None:
    assert spelt_out(text, kind, form) == spoken


def test_ordinals() -> None:
    assert [ordinal(n) for n in (1, 2, 3, 4, 11, 12, 13, 22, 101, 111)] == [
        *("1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "22nd", "101st", "111th")
    ]
