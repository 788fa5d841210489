"""TwiML in SignalWire's cXML: nearly the same language, with every URL exchanged for ours.

"SignalWire never talks to the customer directly." Streams are re-originated by us, so the cXML
`<Stream>` carries our URL, SignalWire's codec and bearer token, and `realtime` where audio must
come back. `<Connect action>` is undocumented there: a `<Redirect>` after it does the same.

With links that are not ours the document stays as written but for what SignalWire demands.
What cXML bounds and TwiML does not is held to S section 2.4.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from twiml.actions import (
    Action,
    Attributes,
    Connect,
    Element,
    Hangup,
    Pause,
    Redirect,
    Room,
    Start,
    Stop,
    Stream,
)
from twiml.document import Document
from twiml.markup import render
from twiml.schema import Rule, Text, rule_for
from twiml.signalwire.links import NOWHERE, Links, MediaLink
from twiml.signalwire.losses import BAD_URL, NEVER_ASKED, Loss
from twiml.signalwire.translation import Translation, size_loss, too_large
from twiml.signalwire.vocabulary import (
    FATES,
    UNKNOWN,
    VERBS,
    WORDS,
    Address,
    Link,
    Word,
)
from twiml.urls import absolute_http

_CODEC = "PCMU@8000h"
_ASKS_ITSELF = frozenset({"Gather", "Record"})
"""Without an `action` these two ask the current document's URL."""
_EVENTS = "statusCallbackEvent"
_RECORDING_EVENTS = "recordingStatusCallbackEvent"
_NOT_EVENTS = {
    _EVENTS: frozenset({"modify", "announcement"}),
    _RECORDING_EVENTS: frozenset({"in-progress"}),
}
"""A `<Conference>`'s events that cXML does not have."""
_NEEDS_CONTENT = frozenset(
    {"Conference", "Dial", "Enqueue", "Number", "Queue", "Refer", "Room", "Sip", "Sms"}
)
_DIALLED = ("Number", "Sip")
_MOST_DIALLED = 10
_MOST_SPOKEN = 4096
_MOST_IN_A_MESSAGE = 1599
_METHODS = frozenset({"GET", "POST"})
"""SignalWire refuses a document with any other (13221)."""
_LEAVES = frozenset({"Hangup", "Redirect", "Reject"})
"""What never lets the next verb run."""
_LEFT_OUT = "It is left out."
_ON = "The call goes on with the next verb."


def translate(document: Document, links: Links, base_url: str) -> Translation:
    """The cXML of a usable document whose own URL is `base_url`; empty when it has none."""
    translator = _Translator(links, base_url)
    output = render(Element("Response", content=translator.response(document.actions)))
    if too_large(output):
        translator.losses.append(size_loss())
    return Translation(output, tuple(translator.losses), tuple(translator.refused))


def apology(text: str) -> str:
    """cXML that says one sentence and hangs up."""
    return render(Element("Response", content=(Element("Say", content=(text,)), Element("Hangup"))))


class _Translator:
    def __init__(self, links: Links, base_url: str) -> None:
        self._links = links
        self._base_url = base_url
        self.losses: list[Loss] = []
        self.refused: list[tuple[Stream, bool]] = []

    def response(self, actions: Iterable[Action]) -> tuple[Element, ...]:
        """The verbs, up to one that ends the call; with our links, up to one that leaves it."""
        verbs: list[Element] = []
        last = None
        for action in actions:
            last = action
            made = list(self._verb(action))
            verbs += made
            if isinstance(action, Redirect) and not made:
                break
            if self._links.ours and made and made[-1].tag in _LEAVES:
                break
        if verbs and verbs[-1].tag == "Start" and last and not isinstance(last, Start):
            why = "is now the last verb, so the call ends there."
            self._lose(verbs[-1], "", why, "Put a verb after it that SignalWire has, or <Pause>.")
        return tuple(verbs)

    def _verb(self, action: Action) -> Iterator[Element]:
        match action:
            case Start():
                self._lose_attributes(action)
                yield from self._streaming("Start", action)
            case Connect():
                yield from self._streaming("Connect", action)
                if not action.action:
                    return
                if _goes_on_at_its_action(action):
                    yield from self._redirect(action.action, "action", action)
                else:
                    self._lose(action, "action", NEVER_ASKED, _ON)
            case Stop():
                yield from self._stop(action)
            case Pause():
                default = not self._links.ours and action.get("length") is None
                attributes = () if default else (("length", str(action.length)),)
                yield Element("Pause", attributes, line=action.line)
            case Hangup():
                for parameter in action.parameters:
                    self._lose_element(parameter)
                yield Element("Hangup", line=action.line)
            case Redirect():
                yield from self._redirect(action.url, "", action)
            case _:
                yield from self._element(action, "Response", VERBS)

    def _redirect(self, url: str, attribute: str, action: Connect | Redirect) -> Iterator[Element]:
        instead = _ON if attribute else "The call ends there."
        link = self._link(Link.DOCUMENT, url, action.method, action, attribute, instead)
        if link is None:
            return
        written = "POST" if self._links.ours else action.get("method")
        method = (("method", written),) if written in _METHODS else ()
        yield Element("Redirect", method, (link,), action.line)

    def _streaming(self, verb: str, action: Start | Connect) -> Iterator[Element]:
        nouns: list[Element] = []
        for noun in action.children:
            if isinstance(noun, Stream):
                nouns += self._stream(noun, bidirectional=verb == "Connect")
            else:
                carried = {"Room"} if verb == "Connect" else set()
                nouns += self._element(noun, verb, frozenset(carried))
        if nouns:
            yield Element(verb, (), tuple(nouns), action.line)

    def _stream(self, stream: Stream, *, bidirectional: bool) -> Iterator[Element]:
        if stream.refusal:
            self.refused.append((stream, bidirectional))
            why = f"is refused ({stream.refusal}): {stream.refusal_reason}"
            told = "Its stream-error is reported at once." if self._links.ours else _LEFT_OUT
            self._lose(stream, "", why, told)
            return
        self._lose_attributes(stream, "Start")
        link = self._links.media(stream, bidirectional)
        attributes = _our_stream if self._links.ours else _their_stream
        yield Element(
            "Stream",
            attributes(stream, link, bidirectional=bidirectional),
            tuple(
                Element("Parameter", (("name", name), ("value", value)))
                for name, value in stream.custom_parameters.items()
            ),
            stream.line,
        )

    def _stop(self, action: Stop) -> Iterator[Element]:
        nouns: list[Element] = []
        for noun in action.children:
            if not isinstance(noun, Stream):
                self._lose_element(noun)
            elif not noun.name:
                self._lose(noun, "", "has no name.", "Nothing is stopped.")
            else:
                nouns.append(Element("Stream", (("name", noun.name),), line=noun.line))
        if nouns:
            yield Element("Stop", (), tuple(nouns), action.line)

    def _element(self, element: Element, parent: str, allowed: frozenset[str]) -> Iterator[Element]:
        """An element as cXML has it; nothing if it has not, or if nothing is left to act on."""
        if element.tag not in allowed:
            self._lose_element(element)
            return
        rule = rule_for(element.tag, parent)
        word = WORDS[element.tag]
        attributes = self._attributes(element, word, rule)
        content = self._content(element, word, rule.text if rule else Text.NONE)
        if element.tag == "Dial":
            content = tuple(self._dialled(content))
        if not any(part.strip() if isinstance(part, str) else part for part in content):
            if element.tag in _NEEDS_CONTENT:
                self._lose(element, "", "has nothing in it that cXML can act on.", _LEFT_OUT)
                return
            if element.tag == "Say" or (element.tag == "Play" and not element.get("digits")):
                return  # nothing is heard, as in TwiML
        self._measure(element, content)
        yield Element(element.tag, attributes, content, element.line)

    def _dialled(self, content: Iterable[str | Element]) -> Iterator[str | Element]:
        """What one `<Dial>` may hold: "≤10 per Dial", and beside a `<Sip>` no other noun."""
        nouns = [part.tag for part in content if isinstance(part, Element)]
        by_sip = nouns[:1] == ["Sip"]
        counted = dict.fromkeys(_DIALLED, 0)
        for part in content:
            if not isinstance(part, Element):
                yield part
                continue
            if (part.tag == "Sip") is not by_sip:
                why = f"cannot stand beside a <{nouns[0]}> in cXML."
                self._lose(part, "", why, "It is not dialled.")
                continue
            if part.tag in counted:
                counted[part.tag] += 1
                if counted[part.tag] > _MOST_DIALLED:
                    why = f"is one more than the {_MOST_DIALLED} that cXML dials at once."
                    self._lose(part, "", why, "It is not dialled.")
                    continue
            yield part

    def _measure(self, element: Element, content: tuple[str | Element, ...]) -> None:
        """Report a text that is longer than SignalWire takes; it is its to cut."""
        most = {"Say": _MOST_SPOKEN, "Sms": _MOST_IN_A_MESSAGE}.get(element.tag)
        if most is not None and _characters(content) > most:
            why = f"is longer than the {most} characters that SignalWire takes."
            self._lose(element, "", why, "It is passed on whole; what is beyond may be cut off.")

    def _content(self, element: Element, word: Word, text: Text) -> tuple[str | Element, ...]:
        if element.tag == "Play":
            return tuple(self._played(element))
        content: list[str | Element] = []
        for part in element.content:
            if isinstance(part, str):
                content.append(part if text is Text.MIXED else part.strip())
            elif text is Text.MIXED and part.tag not in word.children:
                # The words of a mark-up that cXML does not have are still spoken.
                self._lose_element(part)
                content += self._content(part, word, text)
            else:
                content += self._element(part, element.tag, word.children)
        return tuple(content)

    def _played(self, element: Element) -> Iterator[str]:
        if written := element.text.strip():
            url = self._absolute(written)
            if url is None:
                self._lose(element, "", BAD_URL, _LEFT_OUT)
            else:
                yield self._links.media_file(url)

    def _attributes(self, element: Element, word: Word, rule: Rule | None) -> Attributes:
        """In the order written. What TwiML itself ignores is left out without a loss."""
        attributes: list[tuple[str, str]] = []
        known = rule.attributes if rule else {}
        for name, written in element.attributes:
            value = known[name].meant(written) if name in known else None
            if value is None:
                continue
            if word.is_method(name):
                if not self._links.ours and value in _METHODS:
                    attributes.append((name, value))
            elif element.tag == "Conference" and name in _NOT_EVENTS:
                attributes += self._conference_events(element, name, value)
            elif name in word.plain:
                attributes.append((name, value))
            elif address := word.address(name):
                attributes += self._address(element, address, value)
            elif rule is not None:
                self._lose_attribute(element, name, rule)
        if self._links.ours and element.tag in _ASKS_ITSELF and not element.get("action"):
            action = WORDS[element.tag].addresses[0]
            attributes += self._address(element, action, self._base_url)
        return tuple(attributes)

    def _conference_events(self, element: Element, name: str, value: str) -> Attributes:
        """Without those that cXML does not have; of a recording, `failed` for Twilio's `absent`."""
        kept: list[str] = []
        for word in value.split():
            if word in _NOT_EVENTS[name]:
                self._lose(element, name, f"has no {word} in cXML.", "It is not reported.")
            else:
                kept.append("failed" if word == "absent" else word)
        return ((name, " ".join(kept)),) if kept else ()

    def _address(self, element: Element, address: Address, value: str) -> Attributes:
        """The link for a URL; with one of ours the method SignalWire is to use, always POST."""
        if not value:
            # An empty waitUrl asks for silence; other empty URLs are none.
            return ((address.attribute, ""),) if address.attribute == "waitUrl" else ()
        written = element.get(address.method) if address.method else None
        method = "GET" if written == "GET" else "POST"
        link = self._link(address.link, value, method, element, address.attribute, _LEFT_OUT)
        if link is None:
            return ()
        if address.method is None or not self._links.ours:
            return ((address.attribute, link),)
        return ((address.attribute, link), (address.method, "POST"))

    def _link(
        self, kind: Link, url: str, method: str, element: Element, attribute: str, instead: str
    ) -> str | None:
        absolute = self._absolute(url)
        if absolute is None:
            self._lose(element, attribute, BAD_URL, instead)
            return None
        exchange = self._links.document if kind is Link.DOCUMENT else self._links.callback
        return exchange(absolute, method, element.tag, attribute)

    def _absolute(self, written: str) -> str | None:
        """An http(s) URL; relative as written when the document has no URL; None if it is none."""
        absolute = absolute_http(written, self._base_url or NOWHERE)
        if absolute is None or self._base_url or absolute_http(written):
            return absolute
        return written.strip()

    def _lose(self, element: Element, attribute: str, why: str, instead: str) -> None:
        self.losses.append(Loss(element.tag, attribute, element.line, why, instead))

    def _lose_element(self, element: Element) -> None:
        fate = FATES.get((element.tag, ""), UNKNOWN)
        self._lose(element, "", fate.why, fate.instead)

    def _lose_attributes(self, element: Element, parent: str = "Response") -> None:
        rule = rule_for(element.tag, parent)
        for name, _ in element.attributes:
            if rule is not None and name in rule.attributes:
                self._lose_attribute(element, name, rule)

    def _lose_attribute(self, element: Element, name: str, rule: Rule) -> None:
        """An attribute that has a fate, unless it is empty or at its default."""
        fate, known = FATES.get((element.tag, name)), rule.attributes[name]
        if (
            fate is not None
            and element.get(name)
            and getattr(element, known.field) != known.default
        ):
            self._lose(element, name, fate.why, fate.instead)


def _our_stream(stream: Stream, link: MediaLink, *, bidirectional: bool) -> Attributes:
    direction = ("realtime", "true") if bidirectional else ("track", str(stream.track))
    attributes = (
        ("url", link.url),
        ("name", stream.name or link.name),
        direction,
        ("codec", _CODEC),
        ("authBearerToken", link.bearer),
        ("statusCallback", link.status_callback),
        ("statusCallbackMethod", link.status_callback and link.status_callback_method),
    )
    return tuple((name, value) for name, value in attributes if value)


def _their_stream(stream: Stream, link: MediaLink, *, bidirectional: bool) -> Attributes:
    """The customer's own attributes; the codec that we name is the default in any case."""
    exchanged = {
        **dict(stream.attributes),
        "url": link.url,
        "statusCallback": link.status_callback,
        "statusCallbackMethod": link.status_callback_method,
    }
    kept = ("url", "name", "track", "statusCallback", "statusCallbackMethod")
    attributes = [(name, exchanged[name]) for name, _ in stream.attributes if name in kept]
    if bidirectional:
        attributes.append(("realtime", "true"))
    return tuple((name, value) for name, value in attributes if value)


def _goes_on_at_its_action(action: Connect) -> bool:
    """Whether it has something that ends, after which its action is asked."""
    return any(
        isinstance(noun, Stream) or (isinstance(noun, Room) and noun.text.strip())
        for noun in action.children
    )


def _characters(content: Iterable[str | Element]) -> int:
    return sum(
        len(part) if isinstance(part, str) else _characters(part.content) for part in content
    )
