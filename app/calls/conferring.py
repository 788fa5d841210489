"""`<Dial><Conference>`: one call's place in a conference."""

from __future__ import annotations

from app.calls.conferences import Conference
from app.calls.shell import Desk, Does
from twiml.script import ConferenceLeft, JoinConference, LeaveConference


class Conferring:
    """Enters and leaves for one call."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._conference: Conference | None = None
        self.does: Does = {JoinConference: self._join, LeaveConference: self._leave}

    def close(self) -> None:
        """The call is over."""
        if self._conference is not None:
            self._conference.leave(self._desk.live.call.sid)

    def _join(self, command: JoinConference) -> None:
        conferences = self._desk.service.exchange.conferences
        self._conference = conferences.enter(self._desk, command)

    def _leave(self, command: LeaveConference) -> None:
        sid = self._desk.live.call.sid
        if self._conference is not None and sid in self._conference.members:
            self._conference.leave(sid)
        else:
            self._desk.post(ConferenceLeft(command.join))
