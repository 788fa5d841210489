"""What reading a document gives, and the bounds it is read under."""

from __future__ import annotations

from dataclasses import dataclass, replace

from twiml.actions import Action, Play
from twiml.diagnostics import UNUSABLE, Code, Diagnostic, Severity

_KB = 1024
_INLINE_CHARACTERS = 4000
_UTF8_WIDEST = 4


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on a document, held before anything else looks at it.

    `max_bytes` bounds the encoded form and `max_characters`, if any, the decoded one; `too_large`
    is the number reported when either is passed. `absolute_actions` is Twilio's rule for inline
    TwiML that updates a live call: every `action` URL must be absolute (15004). After
    `max_findings` the rest are counted, not listed: a broken generator must not cost us time.
    Elements nested deeper than `max_depth`, the root being the first, make a document unusable:
    speech mark-up could be nested without end, and what reads a document follows it down.
    """

    max_bytes: int
    max_characters: int | None = None
    too_large: Code = Code.TOO_LARGE
    absolute_actions: bool = False
    max_findings: int = 100
    max_depth: int = 64


FETCHED = Limits(max_bytes=64 * _KB)
"""TwiML from a URL: 64 kB (11750)."""

INLINE = Limits(
    # Room for a byte order mark and the widest characters; the count of characters decides.
    max_bytes=_INLINE_CHARACTERS * _UTF8_WIDEST + _UTF8_WIDEST,
    max_characters=_INLINE_CHARACTERS,
    too_large=Code.INLINE_TOO_LONG,
)
"""TwiML given as `Twiml=` when a call is made: 4000 characters (32018)."""

LIVE_UPDATE = replace(INLINE, absolute_actions=True)
"""TwiML given as `Twiml=` when a live call is updated: as `INLINE`, absolute `action` URLs only."""


@dataclass(frozen=True, slots=True)
class Document:
    """A document's verbs in order, and everything found wrong with it.

    An unusable document has no actions. Errors that spoil one stream only (31922, 31941, …) leave
    the rest usable; that stream carries its `refusal`. `verbs` are the names of all that stands
    where verbs do, as written, unknown ones and those of an unusable document too. `bare`: the
    answer was no TwiML but audio to be played, or text to be read aloud, and the last verb is the
    hang-up that comes after it.
    """

    actions: tuple[Action, ...]
    diagnostics: tuple[Diagnostic, ...] = ()
    verbs: tuple[str, ...] = ()
    bare: bool = False

    @property
    def while_waiting(self) -> tuple[Action, ...]:
        """The verbs for one who waits with it: bare audio sounds without end, text is read once,
        and nobody is hung up on after it."""
        if not self.bare:
            return self.actions
        verbs = self.actions[:-1]
        return tuple(replace(verb, loop=0) if isinstance(verb, Play) else verb for verb in verbs)

    @property
    def errors(self) -> tuple[Diagnostic, ...]:
        return tuple(found for found in self.diagnostics if found.severity is Severity.ERROR)

    @property
    def warnings(self) -> tuple[Diagnostic, ...]:
        return tuple(found for found in self.diagnostics if found.severity is Severity.WARNING)

    @property
    def fatal(self) -> Diagnostic | None:
        """The finding that makes the document unusable, None when it can run."""
        for found in self.errors:
            if found.code in UNUSABLE:
                return found
        return None

    @property
    def usable(self) -> bool:
        """Whether the document can run, if perhaps without some of its streams."""
        return self.fatal is None
