"""The network between the bridge and a customer fails, at every state of a stream.

Time is virtual, the sockets are real. Whatever happens, the customer is told of one beginning or
one error and of one end, nothing is left behind, and a call beside it keeps its rhythm exactly.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest

from tests.support.acts import DIRECTIONS, ENGINES, Act, act, both_ways, one_way
from tests.support.faults import FAULTS, Effect, Fault
from tests.support.peers import HOST
from tests.support.relay import HEAD_END, Link
from tests.support.verdicts import between_frames, hang_up

# While the socket is being opened


@contextmanager
def _closed() -> Iterator[int]:
    """A port that nobody listens at."""
    with socket.socket() as kept:
        kept.bind((HOST, 0))
        yield kept.getsockname()[1]


@contextmanager
def _unanswering() -> Iterator[int]:
    """A port that takes no notice of who wants to connect: its one place is taken."""
    with socket.socket() as full, socket.socket() as first:
        full.bind((HOST, 0))
        full.listen(0)
        first.connect(full.getsockname())
        yield full.getsockname()[1]


@ENGINES
@pytest.mark.parametrize(("server", "code"), [(_closed, "31902"), (_unanswering, "31901")])
def test_a_server_out_of_reach(
    server: Callable[[], AbstractContextManager[int]], code: str, fast: bool
) -> None:
    """No connection is an error in time, and the carrier's stream ends in order."""

    async def main(act: Act, two_way: bool) -> None:
        with server() as port:
            act.ring = act.scene.ring(port, two_way=two_way)
            await act.scene.dial(act.ring)
            carrier = act.ring.carrier
            assert carrier is not None
            carrier.talk()
            await act.end(code, began=False)
            assert carrier.code == 1000

    act(main, [False, True], fast=fast)


def _before_the_request(link: Link) -> None:
    link.out.hold(0)


def _before_the_answer(link: Link) -> None:
    link.back.hold(0)


def _in_the_answer(link: Link) -> None:
    link.back.hold(40)


PLACES = (_before_the_request, _before_the_answer, _in_the_answer)


@ENGINES
@pytest.mark.parametrize("place", PLACES)
def test_in_the_handshake(place: Callable[[Link], None], fast: bool) -> None:
    """A handshake that gets through late is a start, one that breaks is 31903, none is 31901."""

    async def main(act: Act, fault: Fault) -> None:
        act.relay.prepare = place
        await act.dial(two_way=True)
        assert act.ring.carrier is not None
        act.ring.carrier.talk()
        await between_frames()
        act.strike(fault)
        if fault.effect is not Effect.PASSES:
            await act.end("31903" if fault.effect is Effect.ENDS else "31901", began=False)
            assert act.ring.carrier.code == 1000
            return
        await act.attend()
        await asyncio.sleep(0.5)
        await between_frames()
        await act.hear_out()

    act(main, FAULTS, fast=fast)


@ENGINES
def test_a_call_that_ends_in_the_handshake(fast: bool) -> None:
    """The carrier goes while the customer's server says nothing: an error, and nothing is left."""

    async def main(act: Act, place: Callable[[Link], None]) -> None:
        act.relay.prepare = place
        await act.dial(two_way=False)
        assert act.ring.carrier is not None
        await act.ring.carrier.frame()
        await between_frames()
        await act.ring.carrier.says("stop")
        await act.ring.ended.wait()
        await asyncio.sleep(0.01)
        assert act.scene.sockets_of(act.ring) == 0  # long before the time for connecting is over
        await act.end("31900", began=False)
        assert act.ring.counters.frames_dropped == 1

    act(main, PLACES, fast=fast)


# While it is open


async def _before_start_is_read(act: Act) -> None:
    """The handshake is over, and `start` has not reached the customer."""
    act.relay.prepare = lambda link: link.out.hold(HEAD_END)
    await act.dial(two_way=True)
    await act.attend()
    await act.ring.story.until("stream.started")


async def _caller_alone(act: Act) -> None:
    """Audio goes to the customer, who could speak and does not."""
    await act.dial(two_way=True)
    await act.attend()
    act.ring.sides[0].talk()
    await asyncio.sleep(0.1)


async def _mark_pending(act: Act) -> None:
    """The customer's audio waits to be played, with a mark behind it."""
    await act.dial(two_way=True)
    await act.attend()
    carrier, customer = act.ring.sides
    carrier.talk()
    for _ in range(20):
        await customer.frame()
    await customer.says("mark", mark={"name": "m"})
    await act.ring.story.until("mark.received")


@ENGINES
@pytest.mark.parametrize(
    "reach", [_before_start_is_read, one_way, _caller_alone, both_ways, _mark_pending]
)
def test_while_open(reach: Callable[[Act], Awaitable[None]], fast: bool) -> None:
    """Delay and pieces change nothing; a lost connection ends the stream at once with 31903.

    One that hangs is nobody's loss until the call ends, and then for a second at most.
    """

    async def main(act: Act, fault: Fault) -> None:
        await reach(act)
        carrier, _ = act.ring.sides
        await between_frames()
        struck = asyncio.get_running_loop().time()
        act.strike(fault)
        await asyncio.sleep(0.5)
        await between_frames()
        if fault.effect is Effect.ENDS:
            assert act.ring.ended_at == pytest.approx(struck, abs=1e-6)
            await act.end("31903")
            assert carrier.code == 1000
            return
        assert not act.ring.ended.is_set()
        if fault.effect is Effect.PASSES:
            await act.hear_out()
            if reach is _mark_pending:
                assert carrier.marks == ["m"]
                await between_frames()
        else:
            await carrier.says("stop")
            await act.end()
            assert carrier.code == 1000

    act(main, FAULTS, fast=fast)


# While it is being closed


@ENGINES
@DIRECTIONS
def test_in_the_closing_handshake(two_way: bool, fast: bool) -> None:
    """The stream has ended when the close frame goes out; what comes of that is no error."""

    async def main(act: Act, fault: Fault) -> None:
        await act.converse(two_way=two_way)
        carrier, customer = act.ring.sides
        await between_frames()
        act.link.back.hold(0)
        await carrier.says("stop")
        await act.ring.ended.wait()
        act.strike(fault)
        await act.end()
        if fault.effect is Effect.PASSES:
            await customer.over()
            assert (customer.events[-1], customer.code) == ("stop", 1000)

    act(main, FAULTS, fast=fast)


@ENGINES
@DIRECTIONS
def test_when_the_customer_closes(two_way: bool, fast: bool) -> None:
    """The customer's close frame ends the stream; the network fails before our answer is out."""

    async def main(act: Act, fault: Fault) -> None:
        await act.converse(two_way=two_way)
        carrier, customer = act.ring.sides
        await between_frames()
        act.link.out.hold(0)
        closing = asyncio.create_task(customer.connection.close())
        await act.ring.ended.wait()
        act.strike(fault)
        await act.end()
        assert carrier.code == 1000
        hang_up(*act.relay.links)
        await closing

    act(main, FAULTS, fast=fast)
