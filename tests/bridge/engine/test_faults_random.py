"""Any faults of both networks in any order, among anything that the two sides may do."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace

from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.exceptions import InvalidHandshake

from bridge.backlog import WhenSlow
from bridge.stream import State
from tests.support.acts import ENGINES, LIMITS, Act, act
from tests.support.faults import FAULTS, Fault
from tests.support.relay import HEAD_END, Link, Relay
from tests.support.talking import Party, Ring
from tests.support.verdicts import check_invariants

ERRORS = {"", "31900", "31901", "31903", "31930"}


@dataclass(frozen=True, slots=True)
class Plot:
    """What happens to a stream. `out` and `back`: where its customer's handshake is held at first.

    A step is a fault of one of the networks, or a word for what a side does; a number is a pause
    in seconds.
    """

    two_way: bool
    policy: WhenSlow
    out: int | bytes | None
    back: int | bytes | None
    steps: list[str | float | tuple[str, Fault]]


PLOTS = st.builds(
    Plot,
    st.booleans(),
    st.sampled_from(WhenSlow),
    st.sampled_from([None, None, 0, 100, HEAD_END]),
    st.sampled_from([None, None, 0, 40]),
    st.lists(
        st.one_of(
            st.sampled_from(["speak", "answer", "mark", "echo", "clear", "press", "let go"]),
            st.sampled_from([0.0, 0.05, 0.4]),
            st.tuples(st.sampled_from(["customer", "carrier"]), st.sampled_from(FAULTS)),
            st.sampled_from(["customer closes", "carrier closes", "carrier stops", "we stop"]),
        ),
        min_size=2,
        max_size=15,
    ),
)


class Telling:
    """A plot as it unfolds: the act, the carrier's network, and who is there."""

    def __init__(self, act: Act, carriers: Relay) -> None:
        self.act = act
        self.carriers = carriers
        self.given = 0
        self.tasks: list[asyncio.Task[None]] = []

    @property
    def ring(self) -> Ring:
        return self.act.ring

    def start(self, coroutine: Callable[[], Awaitable[None]]) -> None:
        async def run() -> None:
            with suppress(OSError, EOFError, InvalidHandshake):
                await coroutine()

        self.tasks.append(asyncio.create_task(run()))

    def count(self) -> None:
        """Count the frames that reach the stream while it is on."""
        hear = self.ring.leg.text

        def text(data: bytes) -> None:
            on = self.ring.leg._stream.media.state is not State.STOPPED
            self.given += on and b'"media"' in data
            hear(data)

        self.ring.leg.text = text  # type: ignore[method-assign]

    async def tell(self, step: str | float | tuple[str, Fault]) -> None:
        carrier, customer = self.ring.carrier, self.ring.customer
        match step:
            case float(seconds):
                await asyncio.sleep(seconds)
            case (who, fault):
                relay = self.act.relay if who == "customer" else self.carriers
                for link in relay.links:
                    fault.strike(link)
            case "let go":
                for link in (*self.act.relay.links, *self.carriers.links):
                    link.stop_reading(False)
                    for way in link.ways:
                        way.go_on(let_go=True)
            case "we stop":
                self.ring.leg.stop()
            case _ if carrier is not None and step in ("speak", "press", "echo"):
                self.start(lambda: self._carriers(step, carrier))
            case _ if customer is not None and step in ("answer", "mark", "clear"):
                self.start(lambda: self._customers(step, customer))
            case "carrier stops" if carrier is not None:
                self.start(lambda: carrier.says("stop"))
            case "carrier closes" if carrier is not None:
                self.start(carrier.connection.close)
            case "customer closes" if customer is not None:
                self.start(customer.connection.close)

    async def _carriers(self, step: object, carrier: Party) -> None:
        if step == "speak":
            for _ in range(20):
                await carrier.frame()
        elif step == "press":
            await carrier.says("dtmf", sequenceNumber="7", dtmf={"digit": "5", "duration": 100})
        else:
            for name in carrier.marks:
                await carrier.says("mark", mark={"name": name})

    async def _customers(self, step: object, customer: Party) -> None:
        if step == "answer":
            for _ in range(20):
                await customer.frame()
        elif step == "mark":
            await customer.says("mark", mark={"name": "m"})
        else:
            await customer.says("clear")


async def _perform(act: Act, plot: Plot) -> None:
    def hold(link: Link) -> None:
        for way, place in ((link.out, plot.out), (link.back, plot.back)):
            if place is not None:
                way.hold(place)

    act.relay.prepare = hold
    telling = Telling(act, await act.scene.relay(act.scene.door, bridge_connects=False))
    act.ring_up(two_way=plot.two_way, more=f"#slow={plot.policy}")
    telling.count()
    telling.start(act.attend)
    await act.scene.dial(act.ring, telling.carriers.port)
    act.ring.carrier_port = telling.carriers.link.near.port
    for step in plot.steps:
        await telling.tell(step)
        await asyncio.sleep(0.005)
    act.ring.leg.stop()
    await check_invariants(act.scene, act.ring, telling.given)
    (_, code), (_, other) = act.scene.callbacks.of(act.ring)
    assert {code, other} <= ERRORS
    for link in (*act.relay.links, *telling.carriers.links):
        link.end()
    telling.tasks[0].cancel()
    await asyncio.wait(telling.tasks)
    for task in telling.tasks[1:]:
        task.result()


@ENGINES
@settings(max_examples=25, deadline=None)
@given(plot=PLOTS)
def test_any_plot(plot: Plot, fast: bool) -> None:
    """One beginning or error, one end, in time; all frames accounted for; none else disturbed."""
    limits = replace(LIMITS, unsent_size=1_000, waiting_frames=10)
    act(_perform, [plot], fast=fast, limits=limits)
