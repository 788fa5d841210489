"""TwiML in SignalWire's cXML: nearly the same language, with every URL exchanged for ours.

"SignalWire never talks to the customer directly." Streams are re-originated by us, so the cXML
`<Stream>` carries our URL, SignalWire's codec and bearer token, and `realtime` where audio must
come back. `<Connect action>` is undocumented there: a `<Redirect>` after it does the same.

With links that are not ours the document stays as written but for what SignalWire demands.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from twiml.actions import (
    Action,
    Attributes,
    Connect,
    Element,
    Hangup,
    Pause,
    Redirect,
    Reject,
    Room,
    Start,
    Stop,
    Stream,
    lookup,
)
from twiml.actions.values import Attribute
from twiml.document import Document
from twiml.markup import render
from twiml.schema import Text, rule_for
from twiml.signalwire.links import NOWHERE, Links, MediaLink
from twiml.signalwire.losses import Loss, no_attribute, no_element
from twiml.signalwire.translation import Translation, size_loss, too_large
from twiml.signalwire.vocabulary import VERBS, WORDS, Address, Link, Word
from twiml.urls import absolute_http

_CODEC = "PCMU@8000h"
_ASKS_ITSELF = frozenset({"Gather", "Record"})
"""Without an `action` these two ask the current document's URL."""
_CONFERENCE_EVENTS = ("Conference", "recordingStatusCallbackEvent")
_NEEDS_CONTENT = frozenset({"Dial", "Refer", "Sip"})
_METHODS = frozenset({"GET", "POST"})
"""SignalWire refuses a document with any other (13221)."""


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
        """The verbs; with our links, up to the first that never lets the next one run."""
        verbs: list[Element] = []
        last = None
        for action in actions:
            last = action
            verbs += self._verb(action)
            if not self._links.ours:
                continue
            if isinstance(action, (Redirect, Hangup, Reject)):
                break
            if isinstance(action, Connect) and _goes_on_at_its_action(action):
                break
        if verbs and verbs[-1].tag == "Start" and last and not isinstance(last, Start):
            self.losses.append(
                Loss(
                    "Start",
                    "",
                    verbs[-1].line,
                    "is now the last verb, so the call ends there.",
                    "Put a verb after it that SignalWire has, such as <Pause>.",
                )
            )
        return tuple(verbs)

    def _verb(self, action: Action) -> Iterator[Element]:
        match action:
            case Start():
                for name in ("action", "method"):
                    if lookup(action.attributes, name) is not None:
                        self.losses.append(no_attribute("Start", name, action.line))
                yield from self._streaming("Start", action)
            case Connect():
                yield from self._streaming("Connect", action)
                if _goes_on_at_its_action(action):
                    yield from self._redirect(action.action or "", "action", action)
            case Stop():
                yield from self._stop(action)
            case Pause():
                default = not self._links.ours and action.get("length") is None
                attributes = () if default else (("length", str(action.length)),)
                yield Element("Pause", attributes, line=action.line)
            case Hangup():
                self.losses += [no_element("Parameter", lost.line) for lost in action.parameters]
                yield Element("Hangup", line=action.line)
            case Redirect():
                yield from self._redirect(action.url, "", action)
            case _:
                yield from self._element(action, "Response", VERBS)

    def _redirect(self, url: str, attribute: str, action: Connect | Redirect) -> Iterator[Element]:
        verb, line = action.tag, action.line
        link = self._link(Link.DOCUMENT, url, action.method, verb, attribute=attribute, line=line)
        if link is None:
            return
        written = "POST" if self._links.ours else action.get("method")
        method = (("method", written),) if written in _METHODS else ()
        yield Element("Redirect", method, (link,), line)

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
            self.losses.append(Loss("Stream", "", stream.line, why))
            return
        for name in ("audioFormat", "sampleRate"):
            if lookup(stream.attributes, name) is not None:
                self.losses.append(no_attribute("Stream", name, stream.line))
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
                why = "has no counterpart in cXML."
                self.losses.append(Loss(noun.tag, "", noun.line, why))
            elif not noun.name:
                self.losses.append(Loss("Stream", "", noun.line, "has no name and stops nothing."))
            else:
                nouns.append(Element("Stream", (("name", noun.name),), line=noun.line))
        if nouns:
            yield Element("Stop", (), tuple(nouns), action.line)

    def _element(self, element: Element, parent: str, allowed: frozenset[str]) -> Iterator[Element]:
        """An element as cXML has it; nothing if it has not, or if nothing is left to act on."""
        if element.tag not in allowed:
            self.losses.append(no_element(element.tag, element.line))
            return
        rule = rule_for(element.tag, parent)
        known = rule.attributes if rule else {}
        word = WORDS[element.tag]
        attributes = self._attributes(element, word, known)
        text = rule.text if rule else Text.NONE
        content = self._content(element, word, text)
        if element.tag == "Play" and element.text.strip() and not content:
            return
        if element.tag in _NEEDS_CONTENT and not content:
            why = "has nothing left in it that cXML knows, and is left out."
            self.losses.append(Loss(element.tag, "", element.line, why))
            return
        yield Element(element.tag, attributes, content, element.line)

    def _content(self, element: Element, word: Word, text: Text) -> tuple[str | Element, ...]:
        if element.tag == "Play":
            return tuple(self._played(element))
        content: list[str | Element] = []
        for part in element.content:
            if isinstance(part, str):
                content.append(part if text is Text.MIXED else part.strip())
            elif text is Text.MIXED and part.tag not in word.children:
                # The words of a mark-up that cXML does not have are still spoken.
                self.losses.append(no_element(part.tag, part.line))
                content += self._content(part, word, text)
            else:
                content += self._element(part, element.tag, word.children)
        return tuple(content)

    def _played(self, element: Element) -> Iterator[str]:
        if written := element.text.strip():
            url = self._absolute(written)
            if url is None:
                self.losses.append(_bad_url(element.tag, "", element.line))
            else:
                yield self._links.media_file(url)

    def _attributes(
        self, element: Element, word: Word, known: Mapping[str, Attribute]
    ) -> Attributes:
        """In the order written. What TwiML itself ignores is left out without a loss."""
        attributes: list[tuple[str, str]] = []
        for name, written in element.attributes:
            value = known[name].meant(written) if name in known else None
            if value is None:
                continue
            if word.is_method(name):
                if not self._links.ours and value in _METHODS:
                    attributes.append((name, value))
            elif (element.tag, name) == _CONFERENCE_EVENTS:
                attributes += self._conference_events(element, value)
            elif name in word.plain:
                attributes.append((name, value))
            elif address := word.address(name):
                attributes += self._address(element, address, value)
            else:
                self.losses.append(no_attribute(element.tag, name, element.line))
        if self._links.ours and element.tag in _ASKS_ITSELF and not element.get("action"):
            action = WORDS[element.tag].addresses[0]
            attributes += self._address(element, action, self._base_url)
        return tuple(attributes)

    def _conference_events(self, element: Element, value: str) -> Attributes:
        """SignalWire has `completed` and `failed` here, and says `failed` for Twilio's `absent`."""
        words = value.split()
        if "in-progress" in words:
            why = "has no in-progress in cXML."
            self.losses.append(Loss(element.tag, _CONFERENCE_EVENTS[1], element.line, why))
        spelt = ["failed" if word == "absent" else word for word in words if word != "in-progress"]
        return ((_CONFERENCE_EVENTS[1], " ".join(spelt)),) if spelt else ()

    def _address(self, element: Element, address: Address, value: str) -> Attributes:
        """The link for a URL; with one of ours the method SignalWire is to use, always POST."""
        if not value:
            # An empty waitUrl asks for silence; other empty URLs are none.
            return ((address.attribute, ""),) if address.attribute == "waitUrl" else ()
        written = element.get(address.method) if address.method else None
        method = "GET" if written == "GET" else "POST"
        attribute, line = address.attribute, element.line
        link = self._link(address.link, value, method, element.tag, attribute=attribute, line=line)
        if link is None:
            return ()
        if address.method is None or not self._links.ours:
            return ((attribute, link),)
        return ((attribute, link), (address.method, "POST"))

    def _link(
        self, kind: Link, url: str, method: str, verb: str, *, attribute: str, line: int
    ) -> str | None:
        absolute = self._absolute(url)
        if absolute is None:
            self.losses.append(_bad_url(verb, attribute, line))
            return None
        exchange = self._links.document if kind is Link.DOCUMENT else self._links.callback
        return exchange(absolute, method, verb, attribute)

    def _absolute(self, written: str) -> str | None:
        """An http(s) URL; relative as written when the document has no URL; None if it is none."""
        absolute = absolute_http(written, self._base_url or NOWHERE)
        if absolute is None or self._base_url or absolute_http(written):
            return absolute
        return written.strip()


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
    """Whether it has an action, and something to end before that is asked."""
    return bool(action.action) and any(isinstance(n, (Stream, Room)) for n in action.children)


def _bad_url(element: str, attribute: str, line: int) -> Loss:
    return Loss(element, attribute, line, "is not an http or https URL.", "Write an absolute one.")
