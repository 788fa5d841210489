"""Processes of a benchmark: pinned, listened to, ended."""

from __future__ import annotations

import os
import signal
import sys

import pytest

from app.bench.children import Child, output
from app.bench.errors import ChildError
from tests.app.bench.watching import watched

CORE = max(os.sched_getaffinity(0))


async def python(code: str, **more: object) -> Child:
    return await Child.start("a child", sys.executable, "-c", code, **more)  # type: ignore[arg-type]


async def test_pinned_from_the_first() -> None:
    """A child is on its core before it is itself, and what it starts is, too."""
    code = (
        "import json, os, subprocess, sys;"
        "own = sorted(os.sched_getaffinity(0));"
        "line = 'import os; print(sorted(os.sched_getaffinity(0)))';"
        "told = subprocess.check_output([sys.executable, '-c', line], text=True);"
        "print(json.dumps({'own': own, 'child': told.strip(), 'pid': os.getpid()}), flush=True);"
        "input()"
    )
    child = await python(code, cores=(CORE,))
    event = await child.any_event()
    assert event == {"own": [CORE], "child": f"[{CORE}]", "pid": child.pid}
    await child.stop()


async def test_settings_of_ours_are_not_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """A service that is measured ships with its defaults, whatever is set around it."""
    monkeypatch.setenv("TWIML_BRIDGE_MAX_CALLS", "1")
    code = "import json, os; print(json.dumps([n for n in os.environ if 'TWIML' in n]))"
    child = await python(f"print('{{}}'); {code}", environment={"TWIML_BRIDGE_PORT": "0"})
    assert await child.any_event() == {}
    with pytest.raises(ChildError, match="TWIML_BRIDGE_PORT"):
        await child.any_event()
    await child.stop()


async def test_events_on_either_channel() -> None:
    """The events wanted are picked out; the rest is passed over."""
    code = (
        'import sys; print(\'{"type":"no"}\');'
        'print(\'words\\n{broken\\n{"type":"a"}\\n{"type":"b","n":1}\', file=sys.stderr)'
    )
    child = await python(code, on_error=True)
    assert await child.event(20, type="b") == {"type": "b", "n": 1}
    await child.stop()


async def test_a_child_that_ends() -> None:
    """Its status and its last words are in the message, each time that it is asked."""
    child = await python("import sys; sys.exit('no way')")
    for _ in range(2):
        with pytest.raises(ChildError, match=r"a child ended with status 1\nno way"):
            await child.event(20, type="any")
    await child.stop()


async def test_a_child_that_is_silent() -> None:
    child = await python("input()")
    with pytest.raises(ChildError, match="said nothing of"):
        await child.event(0.01, type="any")
    await child.stop()


async def test_deaf() -> None:
    """After that a child may say what it likes."""
    child = await python("input(); print('{}'); input()")
    child.deafen()
    child.send("")
    child.send("")
    with pytest.raises(ChildError, match="status 0"):
        await child.any_event()
    await child.stop()


async def test_no_such_command() -> None:
    with pytest.raises(ChildError, match="there is no command no-such-command"):
        await Child.start("a child", "no-such-command")


async def test_what_it_started_ends_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A child's own children are killed, also when it has ended before them."""
    monkeypatch.setattr("app.bench.children.STOP_SECONDS", 0.1)
    code = (
        "import json, subprocess, sys;"
        "idle = subprocess.Popen([sys.executable, '-c', 'import signal; signal.pause()']);"
        "print(json.dumps({'pid': idle.pid}), flush=True)"
    )
    child = await python(code)
    with watched([(await child.any_event())["pid"]]) as ended:
        await child.stop()
        assert ended()


async def test_output() -> None:
    """A command's status and words; one that takes too long is ended with all that it started."""
    assert await output(sys.executable, "-c", "print('hello')", within=20) == (0, "hello\n")
    status, told = await output(sys.executable, "-c", "import sys; sys.exit('no')", within=20)
    assert (status, told) == (1, "no\n")
    assert await output("sleep", "60", within=0.1) == (1, "code ETIMEDOUT: nothing in 0.1 s")


async def test_stopped_by_force(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that does not heed SIGTERM is killed."""
    monkeypatch.setattr("app.bench.children.STOP_SECONDS", 0.1)
    code = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('{}', flush=True)"
    child = await python(f"{code}\nwhile True: signal.pause()")
    await child.any_event()
    await child.stop()
    with pytest.raises(ChildError, match=f"status -{signal.SIGKILL:d}"):
        await child.any_event()
