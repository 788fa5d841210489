"""Words that options take."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from twiml.document import Limits


class Held(StrEnum):
    """How TwiML reaches Twilio: from a URL, given with a new call, given to a live one."""

    FETCHED = "fetched"
    INLINE = "inline"
    LIVE_UPDATE = "live-update"

    @property
    def bounds(self) -> Limits:
        from twiml import document  # noqa: PLC0415 -- --help needs none of it

        match self:
            case Held.FETCHED:
                return document.FETCHED
            case Held.INLINE:
                return document.INLINE
            case Held.LIVE_UPDATE:
                return document.LIVE_UPDATE


class Language(StrEnum):
    """What a document can be translated into."""

    SWML = "swml"
    CXML = "cxml"


class Dialect(StrEnum):
    """SWML as SignalWire runs it, or as its published schema has it (S section 1.1)."""

    FULL = "full"
    STRICT = "strict"
