"""What is spoken and played: `<Say>`, `<Play>`, `<Pause>` as URLs of `play`."""

from __future__ import annotations

import re
from collections.abc import Iterator

from twiml.actions import Element, Pause, Play, Say
from twiml.markup import inline
from twiml.schema import rule_for
from twiml.signalwire.swml.expressions import Step
from twiml.signalwire.swml.voices import voice_keys
from twiml.signalwire.swml.writing import Writing

_MAX_CHARACTERS = 4096
_SSML = frozenset({"break", "emphasis", "lang", "p", "phoneme", "prosody", "s", "say-as", "sub"})
"""What S section 2.4 lists."""
_APART = frozenset({"break", "p", "s"})
"""Of those, what parts the words around it."""
_LISTED = 10
"""Repetitions up to this many are written out, more of them are jumps."""
_MAX_JUMPS = 100
"""`goto.max` is 1 to 100 (S section 1.4)."""
_IN_PROMPT = 20
"""Repetitions at most in a prompt, where there are no jumps."""
_NOT_TONES = re.compile(r"[^0-9*#ABCDWw]")


def say(writing: Writing, action: Say) -> Iterator[Step]:
    """Speak."""
    writing.lose_attributes(action)
    if spoken := _spoken(writing, action):
        yield from _played(writing, action, spoken, voice_keys(writing, action))


def sentence(text: str) -> str:
    """The URL that speaks a sentence of ours."""
    return "say:" + _tidy(text)


def tones(writing: Writing, element: Element, attribute: str, written: str | None) -> str:
    """The tones in an attribute; what is none is lost."""
    sent = _NOT_TONES.sub("", written or "")
    if sent != (written or ""):
        writing.lose(element, attribute, "holds what is no tone.", "The rest of it is sent.")
    return sent


def play(writing: Writing, action: Play) -> Iterator[Step]:
    """Send tones, play a file."""
    writing.lose_attributes(action)
    if sent := tones(writing, action, "digits", action.digits):
        if _written_out(action.loop, sent):
            yield {"send_digits": {"digits": sent * action.loop}}
        else:
            yield from _again(writing, action, {"send_digits": {"digits": sent}})
    if action.text.strip() and (url := writing.media_file(action)):
        yield from _played(writing, action, url, {})


def pause(_writing: Writing, action: Pause) -> Iterator[Step]:
    """Wait: milliseconds, a whole number."""
    yield {"sleep": action.length * 1000}


def prompted(writing: Writing, parent: Element) -> tuple[list[str], dict[str, str]]:
    """What stands in a `<Gather>`, as URLs in one list, and the one voice that speaks in it."""
    urls: list[str] = []
    voice: dict[str, str] | None = None
    for noun in parent.children:
        match noun:
            case Say():
                writing.lose_attributes(noun, parent.tag)
                keys = voice_keys(writing, noun)
                if voice is None:
                    voice = keys
                elif keys != voice:
                    why = "differs from that of the first <Say>; a prompt has one voice."
                    writing.lose(noun, "voice", why, "The first one's voice speaks.")
                if spoken := _spoken(writing, noun):
                    urls += [spoken] * _listed(writing, noun)
            case Play():
                writing.lose_attributes(noun, parent.tag)
                if noun.digits:
                    why = "cannot be sent in a prompt."
                    writing.lose(noun, "digits", why, "The tones are left out.")
                if noun.text.strip() and (url := writing.media_file(noun)):
                    urls += [url] * _listed(writing, noun)
            case Pause():
                urls.append(f"silence: {noun.length}")
            case _:
                writing.lose_element(noun)
    return urls, voice or {}


def _played(
    writing: Writing, element: Say | Play, url: str, keys: dict[str, str]
) -> Iterator[Step]:
    """A `play`, as often as `loop` says. It has `url` or `urls`, and no loop of its own."""
    if element.loop == 1:
        yield {"play": {"url": url, **keys}}
    elif _written_out(element.loop, url):
        yield {"play": {"urls": [url] * element.loop, **keys}}
    else:
        yield from _again(writing, element, {"play": {"url": url, **keys}})


def _written_out(loop: int, what: str) -> bool:
    """Whether a repetition is short enough to be written out."""
    return 0 < loop <= _LISTED and loop * len(what) <= _MAX_CHARACTERS


def _again(writing: Writing, element: Say | Play, step: Step) -> Iterator[Step]:
    """A step, and jumps back to it: as many as wanted, or as SWML allows."""
    jumps = element.loop - 1
    if not 0 <= jumps <= _MAX_JUMPS:
        jumps = _MAX_JUMPS
        wanted = f"{element.loop} times" if element.loop else "without end"
        why = f"repeats {wanted}; SWML jumps back {_MAX_JUMPS} times at most."
        writing.lose(element, "loop", why, f"It is heard {_MAX_JUMPS + 1} times.")
    label = writing.number("again")
    yield {"label": label}
    yield step
    yield {"goto": {"label": label, "max": jumps}}


def _listed(writing: Writing, element: Say | Play) -> int:
    if 0 < element.loop <= _IN_PROMPT:
        return element.loop
    why = "has no counterpart in a prompt, which cannot jump back."
    writing.lose(element, "loop", why, f"It is heard {_IN_PROMPT} times.")
    return _IN_PROMPT


def _spoken(writing: Writing, action: Say) -> str:
    """A `say:` URL, on one line (its pattern ends at a line break); empty when nothing is said."""
    plain = _tidy(_words(action))
    marked = _with_ssml(writing, action)
    if marked.children or plain.startswith("<"):
        speech = writing.harmless(_tidy(inline(marked)), action)
        if len(speech) <= _MAX_CHARACTERS:
            return "say:" + speech
        why = f"is longer than {_MAX_CHARACTERS} characters with its SSML."
        writing.lose(action, "", why, "It is spoken without the SSML.")
    plain = writing.harmless(plain, action)
    if len(plain) > _MAX_CHARACTERS:
        why = f"is longer than {_MAX_CHARACTERS} characters."
        writing.lose(action, "", why, "What is beyond is not spoken.")
        plain = plain[:_MAX_CHARACTERS]
    return f"say:{plain}" if plain else ""


def _with_ssml(writing: Writing, action: Say) -> Element:
    """The text in SSML's root, with the elements that SignalWire knows."""
    return Element("speak", content=tuple(_parts(writing, action)))


def _parts(writing: Writing, element: Element) -> Iterator[str | Element]:
    for part in element.content:
        if isinstance(part, str):
            yield part
        elif part.tag in _SSML:
            rule = rule_for(part.tag, element.tag)
            known = rule.attributes if rule else {}
            yield Element(
                part.tag,
                tuple(pair for pair in part.attributes if pair[0] in known),
                tuple(_parts(writing, part)),
            )
        else:
            # The words of a mark-up that SignalWire does not have are still spoken.
            writing.lose_element(part)
            yield from _parts(writing, part)


def _words(element: Element) -> str:
    """All text, that of the mark-up too."""
    return "".join(
        part
        if isinstance(part, str)
        else f" {_words(part)} "
        if part.tag in _APART
        else _words(part)
        for part in element.content
    )


def _tidy(text: str) -> str:
    return " ".join(text.split())
