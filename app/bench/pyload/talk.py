"""The load's calls: what is commanded, when each sender speaks, and what came of it."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from app.bench.pyload.flow import ROUND, TO_APP, TO_CALLER, Receiver, Sender, summary, times
from app.bench.pyload.sockets import KEY, Socket

_SLOTS = 20
_SETTLE, _PATIENCE = 10, 100  # rounds: for what comes twice; for what is late
_CONNECTING = 32
_FINE = 10_000  # ns to which lateness is told, which is counted for hours


def say(**event: Any) -> None:
    sys.stdout.write(json.dumps(event) + "\n")
    sys.stdout.flush()


class Call:
    """A call: setting up, up, talking, draining, done, ending."""

    def __init__(self, load: Load, number: int, legs: int, streams: int) -> None:
        self.load, self.id = load, number
        self.legs: list[Socket | None] = [None] * legs
        self.streams: list[Socket | None] = [None] * streams
        self.phase = "setting up"
        self.alone = self.forced = False
        self.stops = self.lost_sockets = self.dialect = self.dialling = 0
        self.begin = self.warm = self.rest = self.frames = self.until = 0

    @property
    def sockets(self) -> list[Socket]:
        return [socket for socket in (*self.legs, *self.streams) if socket is not None]

    @property
    def receivers(self) -> list[Receiver]:
        return [socket.receiver for socket in self.sockets if socket.receiver is not None]

    def claim(self, socket: Socket) -> bool:
        if socket.index >= len(self.streams) or self.streams[socket.index] is not None:
            return False
        self.streams[socket.index] = socket
        return True

    def check_up(self) -> None:
        legs = all(leg is not None and leg.open for leg in self.legs)
        streams = all(stream is not None and stream.started for stream in self.streams)
        if self.phase == "setting up" and legs and streams:
            self.phase = "up"
            say(type="up", call=self.id, ns=time.monotonic_ns())

    def lost(self, socket: Socket, why: str) -> None:
        if self.phase in ("talking", "draining"):
            self.lost_sockets += 1
        self.load.leave(socket)
        if self.phase == "setting up":
            say(type="down", call=self.id, why=why)
            self.phase = "ending"

    def talk(self, warm: int, rest: int, frames: int) -> None:
        self.warm, self.rest, self.frames = warm, rest, frames
        self.begin, self.phase = self.load.round + 1, "talking"
        for leg in self.legs:
            assert leg is not None
            leg.sender = Sender(self.load.run_id, self.id, TO_APP, leg.index)
            self.load.join(leg, self)
            for stream in self.streams[leg.first : leg.first + leg.count]:
                assert stream is not None
                stream.receiver = Receiver(leg.sender, warm + frames, warm)
            if leg.two_way:
                app = self.streams[0]
                assert app is not None
                app.sender = Sender(self.load.run_id, self.id, TO_CALLER, 0)
                leg.receiver = Receiver(app.sender, warm + frames, warm)
                self.load.join(app, self)

    def speaks(self, now: int) -> bool:
        at, rested = now - self.begin, self.warm + self.rest
        spoken = 0 <= at < self.warm or rested <= at < rested + self.frames
        return self.phase == "talking" and spoken

    def end(self) -> None:
        if self.phase == "ending":
            return
        self.phase, self.until = "ending", self.load.round + _PATIENCE
        for leg in self.legs:
            if leg is not None and leg.open and not leg.dead:
                number = (leg.sender.number if leg.sender else 0) + 2
                leg.send(b'{"event":"stop","sequenceNumber":"%d"}' % number)

    def sweep(self, now: int) -> bool:
        """Once a round: see what has become of the call; True when it is gone."""
        end = self.begin + self.warm + self.rest + self.frames
        if self.phase == "talking" and now >= end:
            self.phase = "draining"
        if self.phase == "draining" and now >= end + _SETTLE:
            heard = all(receiver.complete for receiver in self.receivers)
            if heard or now >= end + _PATIENCE:
                self.phase = "done"
                if self.alone:
                    self.load.report(self)
                    self.end()
        if self.phase != "ending":
            return False
        if now >= self.until:
            living = [socket for socket in self.sockets if not socket.dead]
            self.forced = self.forced or bool(living and self.until)
            for socket in living:
                socket.lose("")
        if self.dialling or not all(socket.dead for socket in self.sockets):
            return False
        for socket in self.sockets:
            self.load.leave(socket)
        if self.alone:
            say(type="ended", call=self.id, stops=self.stops, forced=self.forced)
        return True


class Load:
    """All calls, the clock that lets them speak, and the commands."""

    def __init__(self) -> None:
        self.calls: dict[int, Call] = {}
        self.slots: list[dict[Socket, Call]] = [{} for _ in range(_SLOTS)]
        self.next_slot = 0
        self.origin = time.monotonic_ns()
        self.run_id = (self.origin >> 10 ^ os.getpid() << 20) & 0xFFFFFFFF
        self.tick = 0
        self.late: Counter[int] = Counter()
        self.run: dict[str, Any] = {}
        self.stopping: dict[str, int] | None = None
        self.dialling = asyncio.Semaphore(_CONNECTING)
        self.tasks: set[asyncio.Task[None]] = set()

    @property
    def round(self) -> int:
        return self.tick // _SLOTS

    def join(self, socket: Socket, call: Call) -> None:
        if not any(socket in slot for slot in self.slots):
            self.slots[self.next_slot * 7 % _SLOTS][socket] = call
            self.next_slot += 1

    def leave(self, socket: Socket) -> None:
        for slot in self.slots:
            slot.pop(socket, None)

    def turn(self) -> None:
        """Speak for every slot that is due, and come back for the next."""
        while self.origin + (self.tick + 1) * (ROUND // _SLOTS) <= time.monotonic_ns():
            self.tick += 1
            due = self.origin + self.tick * (ROUND // _SLOTS)
            for socket, call in tuple(self.slots[self.tick % _SLOTS].items()):
                if not call.speaks(self.round):
                    continue
                now = time.monotonic_ns()
                if self.round >= call.begin + call.warm + call.rest:
                    self.late[(now - due) // _FINE * _FINE] += 1
                socket.speak(now)
            if self.tick % _SLOTS == 0:
                self.sweep()
        ahead = self.origin + (self.tick + 1) * (ROUND // _SLOTS) - time.monotonic_ns()
        asyncio.get_running_loop().call_later(max(0, ahead) / 1e9, self.turn)

    def sweep(self) -> None:
        now = self.round
        for call in list(self.calls.values()):
            if call.sweep(now):
                del self.calls[call.id]
                if self.stopping is not None:
                    self.stopping["calls"] += 1
                    self.stopping["stops"] += call.stops
                    self.stopping["forced"] += call.forced
        self.sweep_run(now)
        if self.stopping is not None and not self.calls:
            say(type="stopped", **self.stopping)
            self.stopping = None

    def sweep_run(self, now: int) -> None:
        run = self.run
        if run and "from" not in run and now >= run["measure"]:
            run["from"], run["cpu"] = now, time.process_time()
            say(type="measuring")
        if run and "from" in run and "to" not in run and now >= run["finish"]:
            run["to"], run["cpu"] = now, time.process_time() - run["cpu"]
            say(type="measured")
        members = [call for call in self.calls.values() if not call.alone]
        busy = any(call.phase in ("talking", "draining") for call in members)
        if "to" in run and not busy:
            self.report(None)
            self.run = {}
            for call in members:
                if call.phase == "done":
                    call.phase = "up"

    def report(self, alone: Call | None) -> None:
        calls = [alone] if alone else [call for call in self.calls.values() if not call.alone]
        calls = [call for call in calls if call.phase == "done"]
        run = self.run
        say(
            type="report",
            call=alone.id if alone else -1,
            calls=len(calls),
            lost_sockets=sum(call.lost_sockets for call in calls),
            dialect=sum(call.dialect for call in calls),
            cpu_seconds=run.get("cpu", 0.0),
            late=times(self.late),
            to_app=summary([s.receiver for c in calls for s in c.streams if s and s.receiver]),
            to_caller=summary([s.receiver for c in calls for s in c.legs if s and s.receiver]),
        )

    def command(self, line: str) -> None:
        name, *words = line.split()
        commands: dict[str, Callable[..., None]] = {
            "call": self.command_call,
            "leg": self.command_leg,
            "run": self.command_run,
            "talk": self.command_talk,
            "stop": self.command_stop,
        }
        try:
            commands[name](*words)
        except (KeyError, TypeError, ValueError, IndexError):
            say(type="misuse")

    def command_call(self, number: str, legs: str, streams: str) -> None:
        self.calls[int(number)] = Call(self, int(number), int(legs), int(streams))

    def command_leg(self, number: str, leg: str, first: str, count: str, *more: str) -> None:
        two_way, host, port, path, bearer = more
        call = self.calls.get(int(number))
        if call is None:
            return
        authorization = f"Authorization: Bearer {bearer}\r\n" if bearer != "-" else ""
        request = (
            f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: Upgrade\r\n"
            f"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Key: {KEY.decode()}\r\n{authorization}\r\n"
        )
        socket = Socket(self.calls.get, call, int(leg), request)
        socket.first, socket.count, socket.two_way = int(first), int(count), two_way == "1"
        call.legs[socket.index] = socket
        call.dialling += 1
        task = asyncio.create_task(self.dial(socket, call, host, int(port)))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def dial(self, socket: Socket, call: Call, host: str, port: int) -> None:
        async with self.dialling:
            try:
                if call.phase == "setting up":
                    loop = asyncio.get_running_loop()
                    await loop.create_connection(lambda: socket, host, port)
                else:
                    socket.dead = True
            except OSError:
                socket.lose("the candidate refuses connections")
            finally:
                call.dialling -= 1

    def command_run(self, warm: str, rest: str, frames: str) -> None:
        self.late.clear()
        measure = self.round + 1 + int(warm) + int(rest)
        self.run = {"measure": measure, "finish": measure + int(frames)}
        for call in self.calls.values():
            if call.phase == "up":
                call.talk(int(warm), int(rest), int(frames))

    def command_talk(self, number: str, frames: str) -> None:
        call = self.calls.get(int(number))
        if call is not None and call.phase == "up":
            call.alone = True
            call.talk(0, 0, int(frames))

    def command_stop(self) -> None:
        self.stopping = {"calls": 0, "stops": 0, "forced": 0}
        for call in self.calls.values():
            call.end()
