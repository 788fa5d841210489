"""A phone at the other end of a WebSocket: rings, answers, talks, dials. docs/phone.md has the
protocol."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from app.calls.handsets import Invitation, Talk
from bridge.audio import cut
from bridge.playout import SILENCE
from twiml.script import LegStatus

MAX_WAITING = 50
"""Frames (a second) of what it says that wait to be heard; beyond it the oldest are lost."""

_KEYS = frozenset("0123456789*#ABCD")


@dataclass(frozen=True, slots=True)
class Order:
    """A call that the phone makes: to the app at `url`, or with a document; both empty: to the app
    that the settings have for `to`."""

    url: str = ""
    twiml: str = ""
    to: str = ""


class SoftPhone:
    """One connected phone, as a `Handset` that is rung and as the `Phone` of its call.

    It has one call at a time; while it has one, or rings, it is busy to others. `send` is given
    what goes to it, messages and frames. `dial` makes a call and returns its sid and what the
    phone may do to it; it raises ValueError.
    """

    def __init__(
        self,
        send: Callable[[dict[str, Any] | bytes], None],
        dial: Callable[[SoftPhone, Order], tuple[str, Talk]],
    ) -> None:
        self._send = send
        self._dial = dial
        self._ringing: Invitation | None = None
        self._talk: Talk | None = None
        self._sid = ""
        self._up = False
        self._frames: deque[bytes] = deque()
        self._part = b""
        self.lost = 0

    @property
    def busy(self) -> bool:
        return self._ringing is not None or bool(self._sid)

    # As a handset

    def ring(self, invitation: Invitation) -> None:
        if self.busy:
            invitation.decline(LegStatus.BUSY)
            return
        self._ringing = invitation
        about: dict[str, Any] = {"from": invitation.from_, "to": invitation.to}
        about |= {
            name: [list(field) for field in fields]
            for name, fields in (
                ("parameters", invitation.parameters),
                ("headers", invitation.headers),
            )
            if fields
        }
        self._tell("incoming", invitation.call_sid, **about)

    def stop_ringing(self, invitation: Invitation) -> None:
        if self._ringing is invitation:
            self._ringing = None
            self._tell("cancelled", invitation.call_sid)

    # As the phone of a call

    def say(self) -> bytes | None:
        return self._frames.popleft() if self._frames else None

    def hear(self, frame: bytes | None, *, expecting: bool) -> None:
        del expecting  # there is a person who knows when to hang up
        if not self._up:
            self._up = True
            self._tell("answered", self._sid)
        self._send(SILENCE if frame is None else frame)

    def ended(self) -> None:
        sid, self._sid = self._sid, ""
        self._talk, self._up = None, False
        self._frames.clear()
        self._part = b""
        if sid:
            self._tell("ended", sid)

    # From its socket

    def audio(self, data: bytes) -> None:
        """Frames, whole or in parts; what comes outside a call is dropped."""
        if not self._up:
            return
        frames, self._part = cut(self._part + data)
        self._frames.extend(frames)
        while len(self._frames) > MAX_WAITING:
            self._frames.popleft()
            self.lost += 1

    def message(self, message: object) -> None:
        """One of the protocol's; what is wrong with it is told to the phone."""
        event = message.get("event") if isinstance(message, dict) else None
        if not isinstance(message, dict) or not isinstance(event, str):
            self.complain("a message is a JSON object with an event")
        elif event == "answer":
            self._pick_up(message.get("call"))
        elif event == "reject":
            self._reject(LegStatus.BUSY)
        elif event == "hangup":
            self._hang_up()
        elif event == "digits":
            self._press(message.get("digits"))
        elif event == "dial":
            self._begin(message)
        else:
            self.complain(f"there is no event {event!r}")

    def closed(self) -> None:
        """The socket is gone."""
        self._reject(LegStatus.NO_ANSWER)
        self._hang_up()

    def complain(self, message: str) -> None:
        self._send({"event": "error", "message": message})

    def _pick_up(self, sid: object) -> None:
        invitation = self._ringing
        if invitation is None or sid not in (None, invitation.call_sid):
            self.complain("no such call rings")
            return
        self._ringing = None
        self._sid = invitation.call_sid
        self._talk = invitation.answer(self)

    def _reject(self, status: LegStatus) -> None:
        invitation, self._ringing = self._ringing, None
        if invitation is not None:
            invitation.decline(status)

    def _hang_up(self) -> None:
        if self._talk is not None:
            self._talk.hang_up()

    def _press(self, digits: object) -> None:
        if not isinstance(digits, str) or not _KEYS.issuperset(digits):
            self.complain("digits are 0-9, *, # and A-D")
        elif self._talk is None:
            self.complain("there is no call to press keys in")
        else:
            for digit in digits:
                self._talk.press(digit)

    def _begin(self, message: dict[str, Any]) -> None:
        fields = {name: message.get(name, "") for name in ("url", "twiml", "to")}
        if not all(isinstance(value, str) for value in fields.values()):
            self.complain("url, twiml and to are texts")
        elif self.busy:
            self.complain("the phone has a call, or rings")
        else:
            try:
                self._sid, self._talk = self._dial(self, Order(**fields))
            except ValueError as error:
                self.complain(str(error))
            else:
                self._tell("dialling", self._sid)

    def _tell(self, event: str, call: str, **more: Any) -> None:
        self._send({"event": event, "call": call, **more})
