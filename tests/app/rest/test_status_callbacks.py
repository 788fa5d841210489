"""Who is told of a local call's end: its number's callback, or the one that REST has set since."""

from __future__ import annotations

from pathlib import Path

from tests.app.calls.house import Handset
from tests.app.rest.twilio_client import Twilio, local_call
from tests.app.running import CALLED, CALLER, serving, until_told
from tests.support.app import voice_app

PAUSE = '<Response><Pause length="60"/></Response>'
BOB = "+15550001111"


async def test_the_numbers_callback() -> None:
    """A call to a number is told of at its end to the callback of the settings, once."""
    async with voice_app() as app, serving(status_callback=app.url("/number")) as server:
        async with local_call(server.service, PAUSE) as (live, _):
            pass
        told = await app.until("/number")
        assert (told["CallSid"], told["CallStatus"]) == (live.call.sid, "completed")
        assert (told["From"], told["To"], told["Direction"]) == (CALLER, CALLED, "inbound")
        assert told["CallDuration"].isdigit()
        await server.service.engine.sender.drain(10)
        assert len(app.forms("/number")) == 1


async def test_another_callback_for_a_call_that_came_in() -> None:
    """After an update the new callback is told, by its method, and the number's is not."""
    async with voice_app() as app, serving(status_callback=app.url("/number")) as server:
        twilio = Twilio(server)
        async with local_call(server.service, PAUSE) as (live, _):
            await twilio.do(
                lambda client: client.calls(live.call.sid).update(
                    status_callback=app.url("/new"), status_callback_method="GET"
                )
            )
        told = await app.until("/new")
        assert (told["CallSid"], told["CallStatus"]) == (live.call.sid, "completed")
        await server.service.engine.sender.drain(10)
        assert app.forms("/number") == []
        twilio.close()


async def test_another_callback_for_a_call_that_was_placed(tmp_path: Path) -> None:
    """The new callback is told the events that the order asked for, with the count going on; one
    that comes with the end itself is told of that end."""
    async with voice_app() as app, serving(data_dir=tmp_path) as server:
        twilio = Twilio(server)
        bob = Handset()
        server.service.exchange.directory.connected[BOB] = bob
        call = await twilio.do(
            lambda client: client.calls.create(
                to=BOB,
                from_=CALLER,
                twiml=PAUSE,
                status_callback=app.url("/first"),
                status_callback_event=["answered", "completed"],
            )
        )
        assert (await app.until("/first"))["CallStatus"] == "in-progress"
        await twilio.do(
            lambda client: client.calls(call.sid).update(
                status="completed", status_callback=app.url("/second")
            )
        )
        told = await app.until("/second")
        assert (told["CallStatus"], told["SequenceNumber"]) == ("completed", "3")
        await server.service.engine.sender.drain(10)
        assert len(app.forms("/first")) == 1
        twilio.close()


async def test_another_callback_for_the_leg_of_a_dial(tmp_path: Path) -> None:
    """A leg that nobody asked to hear of is told of to the callback that REST gives it."""
    async with voice_app() as app, serving(data_dir=tmp_path) as server:
        twilio = Twilio(server)
        bob = Handset()
        server.service.exchange.directory.connected["bob"] = bob
        dial = "<Response><Dial><Client>bob</Client></Dial></Response>"
        async with local_call(server.service, dial) as (live, _):
            await until_told(live.call, "call.connected")
            leg = bob.rung[0].call_sid
            await twilio.do(
                lambda client: client.calls(leg).update(status_callback=app.url("/leg"))
            )
            bob.talks[0].hang_up()
            told = await app.until("/leg")
            assert (told["CallSid"], told["ParentCallSid"]) == (leg, live.call.sid)
            assert told["CallStatus"] == "completed"
        twilio.close()
