"""The parent of the workers: shares the port out, replaces who dies, ends all in order.

It has no event loop and no thread, so that it can fork at any time. Workers inherit what they
share: nothing secret is in an argument, in the environment or in a file.
"""

from __future__ import annotations

import os
import secrets
import selectors
import shutil
import signal
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import mkdtemp

import structlog

from app import routes
from app.main import announce, listen, shared_listeners
from app.settings import Settings, SettingsError
from app.store import prepare
from app.workers.board import Board
from app.workers.place import Place
from app.workers.siblings import Seat
from app.workers.worker import FAULT, READY, run_worker

HUNG = 30
"""Seconds without a sign of its event loop after which a worker is ended."""
_SOUND = 60.0
"""Seconds that a worker has lived when its death counts as the first again."""
_LONGEST_WAIT = 30.0
_MARGIN = 6.0
"""Seconds that workers have to exit beyond their time to drain."""
_MAX_PATH = 85  # a Unix socket's path has 108 bytes at most, on some systems 104

log = structlog.get_logger("server")


def supervise(settings: Settings) -> int:
    """Run the service in several workers until a signal; the exit status. Raises SettingsError."""
    if not hasattr(os, "fork"):
        raise SettingsError("TWIML_BRIDGE_WORKERS: this system cannot fork; use 1")
    numbers = routes.load(settings).numbers  # a fault is told before anything is begun
    prepare(settings)
    listeners = shared_listeners(settings, settings.worker_count)
    port = listeners[0].getsockname()[1]
    settings = settings.model_copy(update={"port": port})
    directory = _private_directory()
    try:
        parent = Supervisor(settings, listeners, directory)
        return parent.run(lambda: announce(settings, bool(numbers), workers=len(listeners)))
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _private_directory() -> Path:
    """A new directory for this user alone, with a path short enough for Unix sockets."""
    made = Path(mkdtemp(prefix="twiml-bridge-workers-"))
    if len(str(made)) > _MAX_PATH:
        made.rmdir()
        made = Path(mkdtemp(prefix="twiml-bridge-workers-", dir="/tmp"))
    return made


def wait_before(deaths: int) -> float:
    """Seconds before a worker is replaced that has died so often in a row: none the first time."""
    return 0.0 if deaths <= 1 else min(_LONGEST_WAIT, 2.0 ** (deaths - 2))


@dataclass(slots=True)
class Worker:
    """A worker as its parent sees it. `pid` is 0 while there is none.

    `told` is the pipe that it tells of its start. `deaths` counts those in a row.
    """

    number: int
    listener: socket.socket | None
    pid: int = 0
    told: int = -1
    words: bytes = b""
    ready: bool = False
    began: float = 0.0
    deaths: int = 0
    due: float = 0.0
    beat: float = 0.0
    still: int = 0


@dataclass
class Supervisor:
    """The parent. `run` it in the main thread, once."""

    settings: Settings
    listeners: list[socket.socket]
    directory: Path
    _secret: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    _selector: selectors.BaseSelector = field(default_factory=selectors.DefaultSelector)
    _complete: bool = False
    _stopping: bool = False
    _deadline: float = 0.0
    _status: int = 0

    def __post_init__(self) -> None:
        self.board = Board(len(self.listeners))
        self.workers = [Worker(*each) for each in enumerate(self.listeners)]
        self._lifeline, self._lifeline_end = os.pipe()
        self._wake, self._wake_end = os.pipe()
        self._signals: list[int] = []

    def run(self, ready: Callable[[], None]) -> int:
        """Until all workers have ended; the exit status. `ready` is called when all serve."""
        self._ready = ready
        for end in (self._wake, self._wake_end):
            os.set_blocking(end, False)
        self._selector.register(self._wake, selectors.EVENT_READ)
        signal.set_wakeup_fd(self._wake_end)
        numbers = (signal.SIGINT, signal.SIGTERM)
        before = {number: signal.signal(number, self._note_signal) for number in numbers}
        try:
            for worker in self.workers:
                self._start(worker)
            while any(worker.pid for worker in self.workers) or not self._stopping:
                self._turn()
        finally:
            for worker in self.workers:
                if worker.pid:  # only after a fault of ours
                    os.kill(worker.pid, signal.SIGKILL)
            signal.set_wakeup_fd(-1)
            for number, handler in before.items():
                signal.signal(number, handler)
        return self._status

    def _note_signal(self, number: int, _frame: object) -> None:
        self._signals.append(number)

    def _turn(self) -> None:
        """Wait for something to happen, for a second at most, and see to it."""
        now = time.monotonic()
        due = [worker.due - now for worker in self.workers if worker.due]
        events = self._selector.select(max(0.0, min(1.0, *due)) if due else 1.0)
        for key, _ in events:
            if key.fd == self._wake:
                os.read(self._wake, 4096)
            else:
                self._hear(key.data)
        if self._signals:
            self._signals.clear()
            self._stop()
        now = time.monotonic()
        if self._stopping:
            if now > self._deadline:
                self._end_late_ones()
            return
        if not events:
            self.watch()
        for worker in self.workers:
            if worker.due and now >= worker.due:
                self._start(worker)

    # Beginning

    def _start(self, worker: Worker) -> None:
        worker.due = 0.0
        if worker.listener is None:
            try:
                worker.listener = listen(self.settings, shared=True)
            except SettingsError as error:
                self._put_off(worker, str(error))
                return
        seat = Seat(
            Place(worker.number, self.board.life(worker.number) % 256),
            self._secret,
            self.board,
            self.directory,
        )
        told, telling = os.pipe()
        numbers = {signal.SIGINT, signal.SIGTERM}
        signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
        sys.stdout.flush()
        sys.stderr.flush()
        try:
            pid = os.fork()
        except OSError as error:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, numbers)
            os.close(told)
            os.close(telling)
            self._put_off(worker, f"it cannot be started: {error.strerror}")
            return
        if pid == 0:
            status = 1
            try:
                signal.set_wakeup_fd(-1)
                signal.signal(signal.SIGINT, signal.SIG_IGN)
                signal.signal(signal.SIGTERM, signal.SIG_DFL)
                signal.pthread_sigmask(signal.SIG_UNBLOCK, numbers)
                os.close(told)
                self._leave_behind(worker)
                status = run_worker(seat, self.settings, worker.listener, telling, self._lifeline)
            except Exception:
                log.exception("worker failed", worker=worker.number)
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(status)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, numbers)
        os.close(telling)
        worker.pid, worker.told, worker.words = pid, told, b""
        worker.ready, worker.began, worker.still = False, time.monotonic(), 0
        self._selector.register(told, selectors.EVENT_READ, worker)

    def _leave_behind(self, own: Worker) -> None:
        """In a new worker: let go of what is the parent's or other workers'."""
        self._selector.close()
        for end in (self._lifeline_end, self._wake, self._wake_end):
            os.close(end)
        for worker in self.workers:
            if worker.told >= 0:
                os.close(worker.told)
            if worker.listener is not None and worker.listener is not own.listener:
                worker.listener.close()

    def _hear(self, worker: Worker) -> None:
        """What a worker tells of its start; or nothing more, because it has ended."""
        words = os.read(worker.told, 65536)
        worker.words += words
        if not words:
            self._selector.unregister(worker.told)
            os.close(worker.told)
            _, status = os.waitpid(worker.pid, 0)
            worker.pid, worker.told = 0, -1
            self._ended(worker, os.waitstatus_to_exitcode(status))
        elif worker.words.startswith(READY) and not worker.ready:
            worker.ready = True
            if not self._complete and all(worker.ready for worker in self.workers):
                self._complete = True
                self._ready()

    # Deaths

    def _ended(self, worker: Worker, status: int) -> None:
        fault = worker.words.removeprefix(FAULT).decode().strip()
        fault = fault if worker.words.startswith(FAULT) else ""
        if self._stopping:
            if status and not fault and (worker.ready or status != -signal.SIGTERM):
                log.error("worker died while it was ending", worker=worker.number, status=status)
                self._status = self._status or 1
        elif not self._complete:
            self._status = 2 if fault else 1
            message = fault or f"worker {worker.number} did not start: its exit status is {status}"
            print(f"twiml-bridge: {message}", file=sys.stderr)
            self._stop()
        else:
            lost = self.board.died(worker.number)
            self._put_off(worker, fault or f"it ended with status {status}", calls_lost=lost)

    def _put_off(self, worker: Worker, why: str, **more: object) -> None:
        """A worker is missing: have it replaced, now or after a while.

        While nobody is there to accept, new connections are to go to the others; what waits for one
        that is replaced at once is kept.
        """
        now = time.monotonic()
        worker.deaths = worker.deaths + 1 if now - worker.began < _SOUND else 1
        wait = wait_before(worker.deaths)
        worker.due = now + wait
        if wait and worker.listener is not None and self.listeners[0] is not self.listeners[-1]:
            worker.listener.close()
            worker.listener = None
        log.error("worker died", worker=worker.number, why=why, replaced_in=wait, **more)

    def watch(self) -> None:
        """End a worker whose event loop has stood still; called about once a second."""
        for worker in self.workers:
            beat = self.board.beat(worker.number)
            worker.still = worker.still + 1 if worker.ready and beat == worker.beat else 0
            worker.beat = beat
            if worker.still == HUNG and worker.pid:
                log.error("worker hangs: it is killed", worker=worker.number, seconds=HUNG)
                os.kill(worker.pid, signal.SIGKILL)

    # Ending

    def _stop(self) -> None:
        """Have all workers drain; a second signal changes nothing."""
        if self._stopping:
            return
        self._stopping = True
        self._deadline = time.monotonic() + self.settings.shutdown_seconds + _MARGIN
        for worker in self.workers:
            worker.due = 0.0
            if worker.listener is not None:
                worker.listener.close()  # each worker has its own until it has drained
            if worker.pid:
                os.kill(worker.pid, signal.SIGTERM)

    def _end_late_ones(self) -> None:
        for worker in self.workers:
            if worker.pid:
                log.error("worker does not end: it is killed", worker=worker.number)
                os.kill(worker.pid, signal.SIGKILL)
        self._deadline += _MARGIN
