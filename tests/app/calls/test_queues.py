"""<Enqueue>, <Leave> and <Dial><Queue>: waiting, being taken out, talking, leaving."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.app.calls.house import House, at_home, sounding
from tests.support.sound import keys_heard, wav_of

CALLER_SAYS = bytes(range(1, 101)) * 800
AGENT_SAYS = bytes(range(100, 0, -1)) * 800
MUSIC = bytes(range(1, 101)) * 80  # a second
ENDINGS = {"/left": "<Hangup/>", "/after": "<Hangup/>"}
ENQUEUE = '<Enqueue action="/left" waitUrl="/wait">support</Enqueue>'
TAKE = '<Dial action="/after"><Queue url="/greet">support</Queue></Dial>'


def test_waiting_and_being_taken(tmp_path: Path) -> None:
    """A caller hears the wait document again and again; who takes the caller out has a document
    played first, then both hear each other; both actions are told when it is over."""

    async def main(home: House) -> None:
        caller = home.begin(ENQUEUE, CALLER_SAYS)
        second = await home.app.until("/wait", 2)
        assert second["QueuePosition"] == "1"
        assert second["CurrentQueueSize"] == "1"
        agent = home.begin(TAKE, AGENT_SAYS)
        greet = await home.app.until("/greet")
        assert (greet["CallSid"], greet["DequeingCallSid"]) == (caller.sid, agent.sid)
        await asyncio.sleep(4)
        agent.hang_up()
        left = await home.app.until("/left")
        assert (left["QueueResult"], left["QueueSid"]) == ("bridged", second["QueueSid"])
        after = await home.app.until("/after")
        assert after["DialCallStatus"] == "completed"
        outcome = await caller.over()
        assert keys_heard(outcome.heard) == "12"
        assert sounding(outcome.heard)[-8000:] in AGENT_SAYS
        assert sounding((await agent.over()).heard)[-1600:] in CALLER_SAYS

    answers = {**ENDINGS, "/wait": '<Play digits="1"/>', "/greet": '<Play digits="2"/>'}
    at_home(main, tmp_path, answers)


def test_music_from_a_file(tmp_path: Path) -> None:
    """`waitUrl` may be an audio file: it is heard without a gap, until somebody takes the caller
    out, and asked for only once."""

    async def main(home: House) -> None:
        caller = home.begin(ENQUEUE)
        await home.app.until("/wait")
        await asyncio.sleep(3.5)
        agent = home.begin("<Dial><Queue>support</Queue></Dial>")
        await asyncio.sleep(1)
        agent.hang_up()
        left = await home.app.until("/left")
        assert left["QueueResult"] == "bridged"
        heard = sounding((await caller.over()).heard)
        assert len(heard) > 8000 * 3
        assert heard in MUSIC * 5
        assert len(home.app.forms("/wait")) == 2  # as the document, and as the file

    at_home(main, tmp_path, {**ENDINGS, "/wait": wav_of(MUSIC)})


def test_leave(tmp_path: Path) -> None:
    """<Leave> in the wait document takes the caller out; the call goes on."""

    async def main(home: House) -> None:
        _, outcome = await home.call('<Enqueue waitUrl="/wait">q</Enqueue><Play digits="7"/>')
        assert keys_heard(outcome.heard) == "17"
        await home.call(ENQUEUE)
        assert home.app.forms("/left")[0]["QueueResult"] == "leave"

    at_home(main, tmp_path, {**ENDINGS, "/wait": '<Play digits="1"/><Leave/>'})


def test_the_caller_hangs_up(tmp_path: Path) -> None:
    """A caller who hangs up is out of the queue; `action` is told so."""

    async def main(home: House) -> None:
        caller = home.begin('<Enqueue action="/left">support</Enqueue>')
        await caller.until("queue.joined")
        caller.hang_up()
        outcome = await caller.over()
        left = await home.app.until("/left")
        assert (left["QueueResult"], left["CallStatus"]) == ("hangup", "completed")
        assert outcome.hung_up_by == "caller"
        agent = home.begin(TAKE)
        await asyncio.sleep(2)
        assert home.app.forms("/greet") == []
        agent.hang_up()

    at_home(main, tmp_path, {**ENDINGS, "/wait": '<Pause length="60"/>'})


@pytest.mark.parametrize(
    ("verb", "field", "value"),
    [
        ('<Dial action="/after"><Queue>none</Queue></Dial>', "DialCallStatus", "failed"),
        ('<Enqueue maxQueueSize="1" action="/after">full</Enqueue>', "QueueResult", "queue-full"),
    ],
)
def test_refused(tmp_path: Path, verb: str, field: str, value: str) -> None:
    """There is no such queue, or it is full."""

    async def main(home: House) -> None:
        first = home.begin("<Enqueue>full</Enqueue>")
        await first.until("queue.joined")
        await home.call(verb)
        assert home.app.forms("/after")[0][field] == value

    at_home(main, tmp_path, ENDINGS)


def test_queues_do_not_grow_without_end(tmp_path: Path) -> None:
    """An empty queue stays, until there are too many: then the one that was used least lately is
    forgotten, and never one that somebody waits in."""

    async def main(home: House) -> None:
        home.service.exchange.queues.max_queues = 3
        waiting = home.begin("<Enqueue>kept</Enqueue>")
        await waiting.until("queue.joined")
        for name in ("old", "older", "old", "new"):
            caller = home.begin(f"<Enqueue>{name}</Enqueue>")
            await caller.until("queue.joined")
            caller.hang_up()
            await caller.over()
        for name in ("kept", "old", "new"):
            agent = home.begin(f"<Dial action='/{name}'><Queue>{name}</Queue></Dial>")
            await asyncio.sleep(1)
            assert home.app.forms(f"/{name}") == []
            agent.hang_up()
            await agent.over()
        await home.call("<Dial action='/older'><Queue>older</Queue></Dial>")
        assert home.app.forms("/older")[0]["DialCallStatus"] == "failed"

    at_home(main, tmp_path, {"/older": "<Hangup/>"})


def test_as_many_as_twilio_allows(tmp_path: Path) -> None:
    """A queue has room for a thousand where the document does not say, and says so."""

    async def main(home: House) -> None:
        caller = home.begin(ENQUEUE)
        assert (await home.app.until("/wait"))["MaxQueueSize"] == "1000"
        caller.hang_up()
        await caller.over()

    at_home(main, tmp_path, {**ENDINGS, "/wait": '<Pause length="60"/>'})


def test_the_agent_waits(tmp_path: Path) -> None:
    """Who takes from an empty queue waits for the next caller."""

    async def main(home: House) -> None:
        first = home.begin("<Enqueue>support</Enqueue>")
        await first.until("queue.joined")
        first.hang_up()
        await first.over()
        agent = home.begin('<Dial action="/after"><Queue>support</Queue></Dial>', AGENT_SAYS)
        await asyncio.sleep(1)
        caller = home.begin("<Enqueue>support</Enqueue>", CALLER_SAYS)
        await asyncio.sleep(2)
        caller.hang_up()
        outcome = await agent.over()
        assert sounding(outcome.heard)[-1600:] in CALLER_SAYS
        assert home.app.forms("/after") != []

    at_home(main, tmp_path, ENDINGS)


def test_accounts_do_not_meet(tmp_path: Path) -> None:
    """Who takes callers out of a queue gets those of its own account; a queue of another account
    is none."""

    async def main(home: House) -> None:
        one, other, third = (f"AC{number:032x}" for number in (1, 2, 3))
        first = home.begin(ENQUEUE, account=one)
        await first.until("queue.joined")
        second = home.begin(ENQUEUE, account=other)
        await second.until("queue.joined")
        home.begin(TAKE, account=other)
        greet = await home.app.until("/greet")
        assert greet["CallSid"] == second.sid
        home.begin(TAKE, account=third)
        after = await home.app.until("/after")
        assert after["DialCallStatus"] == "failed"
        assert not first.told("queue.left")
        assert [form["CallSid"] for form in home.app.forms("/greet")] == [second.sid]
        waits = [form for form in home.app.forms("/wait") if form["CallSid"] == first.sid]
        assert {form["CurrentQueueSize"] for form in waits} == {"1"}

    answers = {**ENDINGS, "/wait": '<Play digits="1"/>', "/greet": '<Play digits="2"/>'}
    at_home(main, tmp_path, answers)
