"""One translation under way: what it is written with, and what has been left out so far."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass, field
from enum import StrEnum

from twiml.actions import (
    Connect,
    Dial,
    Element,
    Enqueue,
    Gather,
    Record,
    Refer,
    Sms,
)
from twiml.schema import rule_for
from twiml.signalwire.links import SwmlLinks
from twiml.signalwire.losses import BAD_URL, Loss
from twiml.signalwire.swml.expressions import harmless, harmless_url
from twiml.signalwire.swml.vocabulary import FATES, UNKNOWN
from twiml.urls import absolute_http

_ON = "The call goes on with the next verb."
_LEFT_OUT = "It is left out."


class Dialect(StrEnum):
    """Which SWML: "the schema on PyPI lags the platform" (S section 0)."""

    FULL = "full"
    """What SignalWire documents: `stream`, `stop_stream`, the stream options of `connect`."""
    STRICT = "strict"
    """What its published schema accepts: `tap` in their place, and bare `connect`."""


@dataclass(slots=True)
class Writing:
    """What a translation is written with, and what has been lost on the way."""

    links: SwmlLinks
    base_url: str
    dialect: Dialect
    followed: bool = False
    """Whether another verb comes after the one being written."""
    losses: list[Loss] = field(default_factory=list)
    _numbers: dict[str, int] = field(default_factory=dict)

    @property
    def full(self) -> bool:
        return self.dialect is Dialect.FULL

    def number(self, kind: str) -> str:
        """A name that nothing else in this document has: `again-1`, `again-2`, …"""
        self._numbers[kind] = self._numbers.get(kind, 0) + 1
        return f"{kind}-{self._numbers[kind]}"

    def lose(self, element: Element, attribute: str, why: str, instead: str) -> None:
        self.losses.append(Loss(element.tag, attribute, element.line, why, instead))

    def lose_element(self, element: Element) -> None:
        """An element that SWML does not have."""
        fate = FATES.get((element.tag, ""), UNKNOWN)
        self.lose(element, "", fate.why, fate.instead)

    def lose_attributes(
        self, element: Element, parent: str = "Response", *, ignored: Container[str] = ()
    ) -> None:
        """Every attribute that is written and has a fate, unless it changes nothing.

        What TwiML itself does not know is left out without a loss, and so are the `ignored`.
        """
        rule = rule_for(element.tag, parent)
        for name, written in element.attributes:
            fate = FATES.get((element.tag, name))
            if rule is None or fate is None or not written or name in ignored:
                continue
            known = rule.attributes[name]
            value = getattr(element, known.field)
            if value == fate.only if fate.only else value != known.default:
                self.lose(element, name, fate.why, fate.instead)

    def harmless(self, text: str, element: Element, attribute: str = "") -> str:
        """Customer's text with nothing in it to evaluate; if that changes it, a loss says so."""
        changed = harmless(text)
        if changed != text:
            self.lose(
                element,
                attribute,
                "holds ${ or %{, which SignalWire would evaluate.",
                "A blank is put before the brace.",
            )
        return changed

    def handed_on(self, text: str, element: Element, attribute: str) -> str:
        """The same for what our service knows as it was written, and hands on so."""
        return text if self.links.ours else self.harmless(text, element, attribute)

    def action(self, verb: Dial | Enqueue | Refer | Sms | Connect) -> str | None:
        """The link for a verb's `action`; None when it has none that can be asked."""
        if not verb.action:
            return None
        return self.document(verb, "action", verb.action, verb.method, instead=_ON)

    def own_action(self, verb: Gather | Record) -> str | None:
        """The same for a verb that asks the current document when it has none."""
        if verb.action or self.base_url:
            url = verb.action or self.base_url
            return self.document(verb, "action", url, verb.method, instead=_ON)
        why = "is missing; it would be this document, whose URL is not known."
        self.lose(verb, "action", why, _ON)
        return None

    def document(
        self, element: Element, attribute: str, url: str, method: str, *, instead: str = _LEFT_OUT
    ) -> str | None:
        """The link for a URL whose reply is TwiML; None, with a loss, if it cannot be asked."""
        absolute = self._absolute(element, attribute, url, instead)
        if absolute is None:
            return None
        self._lose_get(element, attribute, method)
        return harmless_url(self.links.document(absolute, method, element.tag, attribute))

    def callback(
        self, element: Element, attribute: str, url: str, method: str, *, by_get: bool = False
    ) -> str | None:
        """The link for a URL that is told something; None, with a loss, if it cannot be.

        `by_get` is for what SWML can tell by GET too.
        """
        absolute = self._absolute(element, attribute, url)
        if absolute is None:
            return None
        if not by_get:
            self._lose_get(element, attribute, method)
        return harmless_url(self.links.callback(absolute, method, element.tag, attribute))

    def media_file(self, element: Element) -> str | None:
        """The link for the audio file in an element's text; None, with a loss, if it is none."""
        absolute = self._absolute(element, "", element.text)
        return None if absolute is None else harmless_url(self.links.media_file(absolute))

    def watched(self, verb: str, key: str = "status_url") -> dict[str, str]:
        """The key with our link for events that nobody else asked for; none if unwanted."""
        url = self.links.watch(verb)
        return {key: url} if url else {}

    def _absolute(
        self, element: Element, attribute: str, url: str, instead: str = _LEFT_OUT
    ) -> str | None:
        absolute = absolute_http(url, self.base_url)
        if absolute is None:
            self.lose(element, attribute, BAD_URL, instead)
        return absolute

    def _lose_get(self, element: Element, attribute: str, method: str) -> None:
        """SWML posts. Our links ask the customer's app by GET then; others cannot."""
        if method == "GET" and not self.links.ours:
            why = "is to be asked by GET."
            self.lose(element, attribute, why, "SignalWire posts to it.")
