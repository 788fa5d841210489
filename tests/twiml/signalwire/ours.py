"""Links for translations under test, and what reads the translations."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from twiml.actions import Stream
from twiml.parser import parse
from twiml.signalwire.links import MediaLink, TapLink
from twiml.signalwire.swml import Dialect, translate
from twiml.signalwire.translation import Translation

BASE = "https://customer.example/voice/answer"
FOLDER = Path(__file__).parents[3] / "fixtures" / "twiml"
_DIRECTIONS = {"inbound": "speak", "outbound": "listen"}


@dataclass
class Ours:
    """Links that count, and remember what they stand for."""

    given: list[tuple[str, ...]] = field(default_factory=list)
    ours: bool = True

    def media(self, stream: Stream, bidirectional: bool) -> MediaLink:
        number = self._note("media", stream.connect_url or "", "two" if bidirectional else "one")
        return MediaLink(
            f"wss://us.example/media/{number}",
            f"bearer{number}",
            f"https://us.example/stream/{number}",
            f"stream{number}",
        )

    def taps(self, stream: Stream) -> tuple[TapLink, ...]:
        return tuple(
            TapLink(
                f"wss://us.example/tap/{number}",
                _DIRECTIONS[track],
                f"https://us.example/tapped/{number}",
            )
            for track in stream.track.names
            for number in [self._note("tap", stream.connect_url or "", track)]
        )

    def echo(self) -> MediaLink | None:
        number = self._note("echo")
        return MediaLink(
            f"wss://us.example/media/{number}",
            f"bearer{number}",
            f"https://us.example/watch/{number}",
        )

    def unopened(self, stream: Stream, bidirectional: bool) -> str:
        way = "two" if bidirectional else "one"
        return f"https://us.example/stream/{self._note('unopened', stream.url or '', way)}"

    def document(self, url: str, method: str, verb: str, attribute: str) -> str:
        return f"https://us.example/document/{self._note('document', url, method, verb)}"

    def callback(self, url: str, method: str, verb: str, attribute: str) -> str:
        return f"https://us.example/callback/{self._note('callback', url, method, verb)}"

    def media_file(self, url: str) -> str:
        return f"https://us.example/file/{self._note('file', url)}"

    def watch(self, verb: str) -> str:
        return f"https://us.example/watch/{self._note('watch', verb)}"

    def _note(self, *what: str) -> int:
        self.given.append(what)
        return len(self.given)


def swml(
    inner: str, dialect: Dialect = Dialect.FULL, *, aside: bool = False
) -> tuple[Translation, Ours]:
    """The SWML of a response with this in it, and the links that it was written with."""
    links = Ours()
    document = parse(f"<Response>{inner}</Response>", base_url=BASE)
    assert document.usable
    return translate(document, links, BASE, dialect, aside=aside), links


def steps(translation: Translation) -> list[dict[str, Any]]:
    """All steps of a translation."""
    main: list[dict[str, Any]] = json.loads(translation.output)["sections"]["main"]
    return main


def between(inner: str, dialect: Dialect = Dialect.FULL) -> list[dict[str, Any]]:
    """The steps between the `answer` and the `hangup` that go round them."""
    first, *middle, last = steps(swml(inner, dialect)[0])
    assert first == {"answer": {}}
    return middle if last == {"hangup": {}} else [*middle, last]


def every_step(main: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The steps of a document, those in a `cond` and in a document within it too."""
    for step in main:
        yield step
        for case in step.get("cond", ()):
            yield from every_step([*case.get("then", ()), *case.get("else", ())])
        for keys in step.values():
            if isinstance(keys, dict):
                after = keys.get("transfer_after_bridge", "")
                if after.startswith("{"):
                    yield from every_step(json.loads(after)["sections"]["main"])


def lost(translation: Translation) -> list[str]:
    """What was lost, as `Element attribute`."""
    return [f"{loss.element} {loss.attribute}".strip() for loss in translation.losses]
