"""Who can be rung: phones that are connected, and what stands in for them in tests of an app."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import structlog

from bridge.phone import Phone, TapePhone
from bridge.wav import read_wav
from twiml.script import Fields, LegStatus

MAX_TAPE_BYTES = 16 * 1024 * 1024
"""Largest WAV file that a phone is made of: half an hour of mu-law."""

log = structlog.get_logger("phones")


@dataclass(frozen=True, slots=True)
class Talk:
    """What a phone can do to a call that it has answered or made."""

    press: Callable[[str], None]
    hang_up: Callable[[], None]


@dataclass(slots=True)
class Invitation:
    """A call that rings somewhere. Who is rung says `answer`, with the phone, or `decline`, once.

    The phone is told when the call has `ended`, perhaps before `answer` has returned. `parameters`
    are those of a `<Client>`, `headers` those of a `<Sip>`.
    """

    call_sid: str
    from_: str
    to: str
    answer: Callable[[Phone], Talk]
    decline: Callable[[LegStatus], None]
    parameters: Fields = ()
    headers: Fields = ()


class Handset(Protocol):
    """Somebody who can be rung, by several calls at once."""

    def ring(self, invitation: Invitation) -> None:
        """A call comes in. It may be answered or declined before this returns."""
        ...

    def stop_ringing(self, invitation: Invitation) -> None:
        """The caller is gone, or somebody else has answered."""
        ...


class Busy:
    """Always busy."""

    def ring(self, invitation: Invitation) -> None:
        invitation.decline(LegStatus.BUSY)

    def stop_ringing(self, invitation: Invitation) -> None:
        """It does not ring."""


class Nobody:
    """Rings until the caller gives up."""

    def ring(self, invitation: Invitation) -> None:
        """Nobody hears it."""

    def stop_ringing(self, invitation: Invitation) -> None:
        """Nor that it stops."""


@dataclass(slots=True)
class Tape:
    """Answers at once, says what is in a WAV file, and hangs up when that and the talk are over."""

    path: Path
    patience_ms: int = 2_000
    _reading: dict[str, asyncio.Task[None]] = field(default_factory=dict)

    def ring(self, invitation: Invitation) -> None:
        reading = asyncio.create_task(self._ring(invitation))
        self._reading[invitation.call_sid] = reading
        reading.add_done_callback(lambda _: self._reading.pop(invitation.call_sid, None))

    async def _ring(self, invitation: Invitation) -> None:
        try:
            audio = await asyncio.to_thread(read_wav, self.path, max_bytes=MAX_TAPE_BYTES)
        except (OSError, ValueError) as error:
            log.warning("a phone has no tape", path=str(self.path), why=str(error))
            invitation.decline(LegStatus.FAILED)
            return
        phone = TapePhone(audio, patience_ms=self.patience_ms, keeps=False)
        phone.finished = invitation.answer(phone).hang_up

    def stop_ringing(self, invitation: Invitation) -> None:
        if reading := self._reading.get(invitation.call_sid):
            reading.cancel()


@dataclass(slots=True)
class Directory:
    """Finds handsets by what is dialled.

    `names` maps what is dialled (`+15550001111`, `client:bob`, `sip:bob@example.com`) to who is
    meant: the name of a connected phone, `busy`, `no-answer`, or `wav:` and a file. What is not in
    it means the connected phone of that name, without `client:` or `sip:`, and nothing else: what
    is dialled comes from outside, and must not name files.
    """

    names: Mapping[str, str] = field(default_factory=dict)
    connected: dict[str, Handset] = field(default_factory=dict)

    def find(self, kind: str, address: str) -> Handset | None:
        """`kind` is `number`, `client` or `sip`; None when there is nobody of that name."""
        bare = address.removeprefix("sip:").removeprefix("client:").partition(";")[0]
        dialled = address if kind == "number" or address != bare else f"{kind}:{address}"
        meant = self.names.get(dialled) or self.names.get(address)
        if meant is None:
            return self.connected.get(bare)
        if meant == "busy":
            return Busy()
        if meant == "no-answer":
            return Nobody()
        if meant.startswith("wav:"):
            return Tape(Path(meant.removeprefix("wav:")))
        return self.connected.get(meant)

    def look_up(self, to: str) -> Handset | None:
        """Who is meant by `To` of a call: a number, `client:…` or `sip:…`."""
        kind, colon, _ = to.partition(":")
        return self.find(kind if colon and kind in ("client", "sip") else "number", to)
