"""Calls that are changed from outside: documents and time limits, of which the latest counts."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from app.cli.call import begin_local_call
from app.localcall import LocalCall, Phone
from app.telephony.control import CallControl
from app.telephony.orders import CallChange
from app.telephony.service import ServiceTelephony
from bridge.call import Parties
from tests.app.calls.house import Handset, House, at_home
from tests.app.running import CALLED, CALLER, told
from tests.support.sound import keys_heard
from twiml.document import Document
from twiml.parser import parse

ANSWERS = {"/slow": '<Play digits="5"/>', "/quick": '<Pause length="30"/><Play digits="7"/>'}
PATIENCE_MS = 3_600_000


def good() -> Document:
    return parse('<Response><Pause length="30"/><Play digits="7"/></Response>')


async def change(home: House, control: CallControl, how: str) -> None:
    """The call is given its last document."""
    if how == "document":
        control.replace(good())
    else:
        control.redirect(home.app.url("/quick"), "POST")
        await home.app.until("/quick")


@pytest.mark.parametrize("how", ["document", "url"])
@pytest.mark.parametrize("fails", [False, True])
def test_the_latest_counts(tmp_path: Path, how: str, fails: bool) -> None:
    """What was asked for before, and comes late or never, neither takes over nor ends the call."""

    async def main(home: House) -> None:
        gate = home.app.held["/slow"] = asyncio.Event()
        call = home.begin('<Pause length="60"/>')
        await asyncio.sleep(1)
        control = call.live.control
        assert control is not None
        control.redirect(home.app.url("/slow"), "POST")
        await home.app.until("/slow")
        await change(home, control, how)
        if not fails:
            gate.set()  # otherwise the request takes too long
        outcome = await call.over()
        gate.set()
        assert keys_heard(outcome.heard) == "7"
        assert outcome.hung_up_by == "document"

    at_home(main, tmp_path, ANSWERS)


@pytest.mark.parametrize("how", ["document", "url"])
def test_instead_of_the_first_document(tmp_path: Path, how: str) -> None:
    """A call that is redirected while its first document is asked for runs the other alone."""

    async def main(home: House) -> None:
        gate = home.app.held["/slow"] = asyncio.Event()
        live = begin_local_call(home.service, Parties(CALLER, CALLED))
        local = LocalCall(home.service, live, Phone(b"", PATIENCE_MS))
        running = asyncio.create_task(local.run(home.app.url("/slow")))
        await home.app.until("/slow")
        assert live.control is not None
        await change(home, live.control, how)
        gate.set()
        outcome = await running
        assert keys_heard(outcome.heard) == "7"
        assert outcome.error is None

    at_home(main, tmp_path, ANSWERS)


@pytest.mark.parametrize(("limits", "seconds"), [((5,), 5), ((4, 8), 8), ((8, 4), 4), ((1,), 2)])
@pytest.mark.parametrize("who", ["caller", "callee"])
def test_a_time_limit(tmp_path: Path, who: str, limits: tuple[int, ...], seconds: int) -> None:
    """It counts from the answer, takes the place of the one before, and ends the call at once when
    it has passed; nothing is left of it then."""

    async def main(home: House) -> None:
        bob = home.has("bob", Handset())
        call = home.begin("<Dial><Client>bob</Client></Dial>")
        await call.until("call.connected")
        await asyncio.sleep(2)
        sid = call.sid if who == "caller" else bob.rung[0].call_sid
        for limit in limits:
            await ServiceTelephony(home.service, None).change(sid, CallChange(time_limit=limit))
        ended = home.service.calls[sid].call
        outcome = await call.over()
        assert len(outcome.heard) == pytest.approx(seconds * 8000, abs=1600)
        assert [entry.data["by"] for entry in told(ended, "call.hung_up")] == ["time-limit"]

    at_home(main, tmp_path)
