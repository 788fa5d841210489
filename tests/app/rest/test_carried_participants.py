"""Participants of a conference that SignalWire carries, by Twilio's own library."""

from __future__ import annotations

from typing import Any

import pytest

from app.store.records import ConferenceRecord, ParticipantRecord
from bridge.ids import alias
from tests.app.rest.carried import CALL_ID, OTHER_ID, SID, Carried
from tests.app.rest.twilio_client import ACCOUNT

ROOM = alias("CF", OTHER_ID)
COACHED = "77770000-3333-4444-8555-666677778888"


async def change(carried: Carried, **what: object) -> Any:
    return await carried.do(
        lambda client: client.conferences(ROOM).participants(SID).update(**what)
    )


async def known(carried: Carried) -> None:
    store = carried.server.service.store
    store.save(ConferenceRecord(ROOM, ACCOUNT, "Room", "in-progress", 1.0, 1.0, carrier="cxml"))
    store.save(ParticipantRecord(ROOM, SID, ACCOUNT, 1.0, 1.0))
    await carried.webhook("/signalwire/cxml")


async def test_coaching(carried: Carried) -> None:
    """SignalWire is given its own id of the call to be coached."""
    await known(carried)
    carried.signalwire.next(muted=False, hold=False)
    coaching = await change(carried, call_sid_to_coach=alias("CA", COACHED))
    assert (coaching.coaching, coaching.call_sid_to_coach) == (True, alias("CA", COACHED))
    assert carried.signalwire.path() == f"/Conferences/{OTHER_ID}/Participants/{CALL_ID}"
    assert carried.signalwire.form() == {"Coaching": "true", "CallSidToCoach": COACHED}
    carried.signalwire.next(muted=False, hold=False)
    assert not (await change(carried, coaching=False)).coaching
    assert carried.signalwire.form() == {"Coaching": "false"}


async def test_waiting_in_silence(carried: Carried) -> None:
    """An empty `WaitUrl` goes on as it is; another is a link of ours."""
    await known(carried)
    carried.signalwire.next()
    await change(carried, wait_url="")
    assert carried.signalwire.form() == {"WaitUrl": "", "WaitMethod": "POST"}
    carried.signalwire.next()
    await change(carried, wait_url=carried.app.url("/wait"))
    assert carried.signalwire.form()["WaitUrl"].startswith(carried.server.service.base_url)


@pytest.mark.parametrize("given", [{"beep_on_exit": True}, {"end_conference_on_exit": True}])
async def test_what_signalwire_has_not(carried: Carried, given: dict[str, object]) -> None:
    """A parameter that SignalWire does not know is refused, and so is all with it."""
    await known(carried)
    people = carried.client.conferences(ROOM).participants
    assert await carried.refusal(lambda _: people(SID).update(muted=True, **given)) == (400, 20001)
    assert carried.signalwire.requests == []
