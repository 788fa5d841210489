"""What a REST request is about, so that it finds the worker which has that. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

REST = "/2010-04-01/"
"""Where the paths of Twilio's REST begin."""

_RESOURCE = re.compile(REST + "Accounts/[^/]+/(.+)")


@dataclass(frozen=True, slots=True)
class Subject:
    """`keys` name what one worker may have: calls and conferences, by their sids.

    `rings`: the request makes a call, which may be to a phone.
    """

    keys: tuple[str, ...] = ()
    rings: bool = False


def subject_of(method: str, path: str) -> Subject:
    """What a request below `REST` is about; nothing if any worker can answer it."""
    found = _RESOURCE.fullmatch(path)
    parts = found[1].removesuffix(".json").split("/") if found else [""]
    match parts:
        case ["Calls"] | ["Conferences", _, "Participants"] if method == "POST":
            return Subject(rings=True)
        case ["Calls", call, *_]:
            return Subject((call,))
        case ["Conferences", conference, "Participants", participant]:
            return Subject((conference, participant))
        case ["Conferences", conference, *_]:
            return Subject((conference,))
        case _:
            return Subject()
