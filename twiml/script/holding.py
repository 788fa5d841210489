"""Waiting with music: a document of the customer's, music of ours, or silence."""

from __future__ import annotations

from twiml.script.activity import Line, Nested
from twiml.script.commands import Command, Fields, JoinQueue, PlayMusic, StopPlaying
from twiml.script.events import Event
from twiml.script.states import Role


class Hold:
    """What one hears who waits, for a conference or in a queue.

    `url` is None for music of ours, empty for silence; otherwise its document runs nested.
    """

    def __init__(self, line: Line, role: Role, verb: str, place: JoinQueue | None = None) -> None:
        self._line = line
        self._role = role
        self._verb = verb
        self._place = place
        self._music: PlayMusic | None = None
        self.nested: Nested | None = None

    def begin(self, url: str | None, method: str, parameters: Fields = ()) -> list[Command]:
        if url is None:
            self._music = PlayMusic()
            return [self._music]
        if not url.strip():
            return []
        fetch = self._line.fetch(url, method, parameters, self._verb)
        self.nested = self._line.nest(fetch, self._role, self._place)
        return self.nested.begin()

    def receive(self, event: Event) -> list[Command]:
        return self.nested.receive(event) if self.nested else []

    def silence(self) -> list[Command]:
        """Stop whatever is heard."""
        music, self._music = self._music, None
        nested, self.nested = self.nested, None
        if music is not None:
            return [StopPlaying(music)]
        return nested.silence() if nested else []
