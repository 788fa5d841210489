"""A house full of phones on one service, whose calls run on a clock that costs nothing."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from app.calls.handsets import Invitation, Talk
from app.cli.call import begin_local_call
from app.customer import Reply
from app.live import LiveCall
from app.localcall import LocalCall, Outcome, Phone
from app.service import Service
from bridge.call import Parties
from bridge.ids import mint
from bridge.phone import TapePhone
from bridge.playout import SILENCE
from tests.app.running import CALLED, CALLER, local_service, told, until_told
from tests.support.app import Answer, App, voice_app
from tests.support.virtual import run_virtually
from twiml.parser import parse

GRACE = 0.002
"""Real seconds that a server in this process, or a thread, gets to answer."""


class Call:
    """A call that runs: its record, and, once it is over, its outcome."""

    def __init__(self, live: LiveCall, local: LocalCall, running: asyncio.Task[Outcome]) -> None:
        self.live = live
        self.local = local
        self._running = running

    @property
    def sid(self) -> str:
        return self.live.call.sid

    def told(self, kind: str) -> list[dict[str, Any]]:
        """What its timeline has of one kind."""
        return [entry.data for entry in told(self.live.call, kind)]

    async def until(self, kind: str, count: int = 1) -> dict[str, Any]:
        """Wait until its timeline has so many of a kind; the last of them."""
        entry = await until_told(self.live.call, kind, count)
        return entry.data

    @property
    def kinds(self) -> list[str]:
        return [entry.kind for entry in self.live.call.timeline.entries]

    def hang_up(self) -> None:
        self.local.hang_up("caller")

    async def over(self) -> Outcome:
        return await self._running


class Handset:
    """A phone that answers after `after` seconds and says `audio`; it keeps what it hears.

    `hangs_up` is how long after its answer it hangs up; None: the tape's patience decides.
    """

    def __init__(
        self,
        audio: bytes = b"",
        *,
        after: float = 0.0,
        hangs_up: float | None = None,
        keys: tuple[tuple[float, str], ...] = (),
        patience_ms: int = 3_600_000,
    ) -> None:
        self.audio = audio
        self.after = after
        self.hangs_up = hangs_up
        self.keys = keys
        self.patience_ms = patience_ms
        self.rung: list[Invitation] = []
        self.stopped: list[Invitation] = []
        self.tapes: list[TapePhone] = []
        self.talks: list[Talk] = []

    @property
    def heard(self) -> bytes:
        return bytes(self.tapes[-1].heard)

    def ring(self, invitation: Invitation) -> None:
        self.rung.append(invitation)
        asyncio.get_running_loop().call_later(self.after, self._answer, invitation)

    def stop_ringing(self, invitation: Invitation) -> None:
        self.stopped.append(invitation)

    def _answer(self, invitation: Invitation) -> None:
        if invitation in self.stopped:
            return
        tape = TapePhone(self.audio, patience_ms=self.patience_ms, keys=self.keys)
        self.tapes.append(tape)
        talk = invitation.answer(tape)
        self.talks.append(talk)
        tape.finished, tape.pressed = talk.hang_up, talk.press
        if self.hangs_up is not None:
            asyncio.get_running_loop().call_later(self.hangs_up, talk.hang_up)


class House:
    """The service, an app for documents and callbacks, and handsets by name."""

    def __init__(self, service: Service, app: App) -> None:
        self.service = service
        self.app = app
        self._calls: list[Call] = []

    def has(self, name: str, handset: Handset) -> Handset:
        """A handset is connected under this name."""
        self.service.exchange.directory.connected[name] = handset
        return handset

    def begin(
        self,
        twiml: str,
        audio: bytes = b"",
        *,
        patience_ms: int = 3_600_000,
        keys: tuple[tuple[float, str], ...] = (),
        account: str = "",
    ) -> Call:
        """A call of its own that runs a document; `{origin}` in it is the app's. `account` is whose
        call it is, if not everybody's here."""
        parties = Parties(CALLER, CALLED)
        if account:
            live = self.service.begin_call(mint("CA", secrets.token_bytes), account, parties)
        else:
            live = begin_local_call(self.service, parties)
        local = LocalCall(self.service, live, Phone(audio, patience_ms, keys))
        text = f"<Response>{twiml.replace('{origin}', self.app.origin)}</Response>"
        document = parse(text.encode(), allow_plain_ws=True)
        assert document.usable, document.diagnostics
        running = asyncio.create_task(local.run_document(Reply(document, self.app.url("/call"))))
        call = Call(live, local, running)
        self._calls.append(call)
        return call

    async def call(self, twiml: str, audio: bytes = b"", **more: Any) -> tuple[Call, Outcome]:
        """The same, to its end."""
        call = self.begin(twiml, audio, **more)
        return call, await call.over()

    async def settle(self) -> None:
        """Until every callback has been delivered."""
        await self.service.engine.sender.drain(10)

    async def close(self) -> None:
        for call in self._calls:
            call.hang_up()
            await call.over()


@asynccontextmanager
async def house(
    data_dir: Path, answers: Mapping[str, Answer] | None = None, **settings: Any
) -> AsyncIterator[House]:
    async with (
        voice_app(answers or {}) as app,
        local_service(data_dir=data_dir, stream_close_seconds=0.2, **settings) as service,
    ):
        running = House(service, app)
        try:
            yield running
        finally:
            await running.close()


def at_home(
    main: Callable[[House], Awaitable[None]],
    data_dir: Path,
    answers: Mapping[str, Answer] | None = None,
    *,
    grace: float = GRACE,
    **settings: Any,
) -> None:
    """Run calls in a house of their own, on a virtual clock."""

    async def run() -> None:
        async with house(data_dir, answers, **settings) as running:
            await main(running)

    run_virtually(run, grace=grace)


def frames(audio: bytes) -> list[bytes]:
    return [audio[at : at + 160] for at in range(0, len(audio), 160)]


def sounding(audio: bytes) -> bytes:
    """Audio without its silent frames, wherever they are."""
    return b"".join(frame for frame in frames(audio) if frame != SILENCE)
