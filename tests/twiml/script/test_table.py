"""Every row of the table, in every state that it holds in."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.twiml.script.driving import Drive, document
from twiml.script import DocumentReplaced, Fetch, FetchFailed, Role, Script, State
from twiml.script.activity import Row
from twiml.script.page import MACHINES

GATHER = '<Gather action="/a" numDigits="2" input="{}" partialResultCallback="/p">{}</Gather>'
SAY = "<Say>one</Say>"
KEYS = GATHER.format("dtmf", SAY)
SPEECH = GATHER.format("dtmf speech", SAY)
QUIET = GATHER.format("dtmf speech", "")
ONE_KEY = '<Gather numDigits="1" input="dtmf speech"><Say>x</Say></Gather>'
RECORD = '<Record action="/a"/>'
DIAL = '<Dial action="/a" hangupOnStar="true" record="record-from-ringing">{}</Dial>'
ONE = DIAL.format("<Number>1</Number>")
TWO = DIAL.format("<Number>1</Number><Client>2</Client>")
SCREENED = DIAL.format('<Number url="/s">1</Number>')
IN_TURN = ONE.replace("<Dial ", '<Dial sequential="true" ').replace(
    "</Number>", "</Number><Number>2</Number>"
)
ROOM = DIAL.format('<Conference waitUrl="/w">room</Conference>')
TAKE = DIAL.format("<Queue>support</Queue>")
QUEUE = '<Enqueue action="/a" waitUrl="/w">support</Enqueue>'

Step = Callable[[Drive], object]
S = State


def star(d: Drive) -> object:
    return d.keys("*")


def joining(d: Drive) -> object:
    return d.joined(started=False)


SCENARIOS: dict[str, tuple[str, list[tuple[Step, State]]]] = {
    "redirect": (
        "<Redirect>/x</Redirect>",
        [
            (lambda d: d.reply("<Redirect>/y</Redirect>"), S.FETCHING),
            (Drive.no_reply, S.PLAYING),
            (Drive.played, S.ENDED),
        ],
    ),
    "update": ("<Echo/>", [(lambda d: d.update("<Pause/>"), S.PAUSING), (Drive.hang_up, S.ENDED)]),
    "say": (SAY + "<Pause/>", [(Drive.played, S.PAUSING), (Drive.paused, S.ENDED)]),
    "play both": (
        '<Play digits="12">a.wav</Play>',
        [(Drive.played, S.PLAYING), (Drive.played, S.ENDED)],
    ),
    "connect": (
        '<Connect action="/a"><Stream url="wss://c.example/"/></Connect>',
        [(Drive.stream_ended, S.FETCHING)],
    ),
    "gather: prompts, then silence": (
        GATHER.format("dtmf", SAY + "<Pause/>" + SAY) + "<Pause/>",
        [
            (Drive.played, S.PROMPTING),
            (Drive.paused, S.PROMPTING),
            (Drive.played, S.LISTENING),
            (Drive.timer, S.PAUSING),
        ],
    ),
    "gather: a pause last": (
        GATHER.format("dtmf", "<Pause/>"),
        [(Drive.paused, S.LISTENING), (lambda d: d.keys("#"), S.ENDED)],
    ),
    "gather: key in a prompt": (
        KEYS,
        [(lambda d: d.keys("1"), S.KEYING), (Drive.timer, S.FETCHING)],
    ),
    "gather: finish in a prompt": (KEYS, [(lambda d: d.keys("#"), S.ENDED)]),
    "gather: key in silence": (
        QUIET,
        [(lambda d: d.keys("1"), S.KEYING), (lambda d: d.keys("#"), S.FETCHING)],
    ),
    "gather: all keys": (
        QUIET,
        [(lambda d: d.keys("1"), S.KEYING), (lambda d: d.keys("2"), S.FETCHING)],
    ),
    "gather: many keys": (
        "<Gather><Say>x</Say></Gather>",
        [(lambda d: d.keys("1"), S.KEYING), (lambda d: d.keys("2"), S.KEYING)],
    ),
    "gather: one key in a prompt": (ONE_KEY, [(lambda d: d.keys("5"), S.FETCHING)]),
    "gather: one key in silence": (
        ONE_KEY,
        [(Drive.played, S.LISTENING), (lambda d: d.keys("5"), S.FETCHING)],
    ),
    "gather: one key in noise": (
        ONE_KEY,
        [(Drive.voice, S.SPEAKING), (lambda d: d.keys("5"), S.FETCHING)],
    ),
    "gather: voice and a key": (
        SPEECH,
        [(Drive.voice, S.SPEAKING), (lambda d: d.keys("1"), S.KEYING)],
    ),
    "gather: voice and finish": (
        SPEECH,
        [(Drive.voice, S.SPEAKING), (lambda d: d.keys("#"), S.ENDED)],
    ),
    "gather: a voice twice": (
        SPEECH,
        [
            (Drive.voice, S.SPEAKING),
            (Drive.voice, S.SPEAKING),
            (lambda d: d.partial("he"), S.SPEAKING),
            (lambda d: d.words("hello"), S.FETCHING),
        ],
    ),
    "gather: partial in a prompt": (SPEECH, [(lambda d: d.partial("he"), S.SPEAKING)]),
    "gather: words in a prompt": (SPEECH, [(lambda d: d.words("hello"), S.FETCHING)]),
    "gather: a cough in a prompt": (
        SPEECH,
        [(lambda d: d.words(""), S.PROMPTING), (lambda d: d.words("yes"), S.FETCHING)],
    ),
    "gather: voice in silence": (QUIET, [(Drive.voice, S.SPEAKING)]),
    "gather: partial in silence": (QUIET, [(lambda d: d.partial("he"), S.SPEAKING)]),
    "gather: words in silence": (QUIET, [(lambda d: d.words("hello"), S.FETCHING)]),
    "gather: coughs": (
        QUIET,
        [
            (lambda d: d.words(""), S.LISTENING),
            (Drive.voice, S.SPEAKING),
            (lambda d: d.words(" "), S.LISTENING),
        ],
    ),
    "record": (RECORD, [(Drive.recorded, S.FETCHING)]),
    "record: nothing": (RECORD, [(lambda d: d.recorded(kept=False), S.ENDED)]),
    "record: key": (RECORD, [(star, S.STOPPING), (Drive.recorded, S.FETCHING)]),
    "record: key, nothing": (
        RECORD,
        [(star, S.STOPPING), (lambda d: d.recorded(kept=False), S.ENDED)],
    ),
    "record: hang-up": (RECORD, [(Drive.hang_up, S.CLOSING), (Drive.recorded, S.ENDED)]),
    "record: hang-up, nothing": (
        RECORD,
        [(Drive.hang_up, S.CLOSING), (lambda d: d.recorded(kept=False), S.ENDED)],
    ),
    "dial": (
        ONE,
        [(Drive.recording, S.DIALLING), (Drive.answered, S.BRIDGED), (Drive.ended, S.FETCHING)],
    ),
    "dial: star": (
        ONE,
        [
            (Drive.answered, S.BRIDGED),
            (Drive.recording, S.BRIDGED),
            (star, S.STOPPING),
            (Drive.recording, S.STOPPING),
            (Drive.ended, S.FETCHING),
        ],
    ),
    "dial: time limit": (ONE, [(Drive.answered, S.BRIDGED), (Drive.timer, S.STOPPING)]),
    "dial: screened": (SCREENED, [(Drive.answered, S.DIALLING), (Drive.ready, S.BRIDGED)]),
    "dial: nobody": (
        TWO,
        [
            (Drive.timer, S.DIALLING),
            (lambda d: d.ended("canceled", 0), S.DIALLING),
            (lambda d: d.ended("canceled", 1), S.FETCHING),
        ],
    ),
    "dial: in turn": (
        IN_TURN,
        [(lambda d: d.ended("busy", 0), S.DIALLING), (lambda d: d.ended("busy", 1), S.FETCHING)],
    ),
    "dial: hang-up": (
        TWO,
        [
            (Drive.hang_up, S.CLOSING),
            (lambda d: d.ended("canceled", 0), S.CLOSING),
            (lambda d: d.ended("canceled", 1), S.ENDED),
        ],
    ),
    "conference": (
        ROOM,
        [
            (joining, S.HOLDING),
            (Drive.recording, S.HOLDING),
            (Drive.held, S.HOLDING),
            (Drive.started, S.CONFERRING),
            (Drive.recording, S.CONFERRING),
            (Drive.held, S.HOLDING),
            (Drive.started, S.CONFERRING),
            (star, S.STOPPING),
            (Drive.recording, S.STOPPING),
            (Drive.left_conference, S.FETCHING),
        ],
    ),
    "conference: going on": (
        ROOM,
        [(Drive.joined, S.CONFERRING), (Drive.left_conference, S.FETCHING)],
    ),
    "conference: full": (ROOM, [(lambda d: d.left_conference(failed=True), S.FETCHING)]),
    "conference: never begun": (ROOM, [(joining, S.HOLDING), (Drive.left_conference, S.FETCHING)]),
    "conference: star": (ROOM, [(joining, S.HOLDING), (star, S.STOPPING)]),
    "conference: time while waiting": (ROOM, [(joining, S.HOLDING), (Drive.timer, S.STOPPING)]),
    "conference: time": (ROOM, [(Drive.joined, S.CONFERRING), (Drive.timer, S.STOPPING)]),
    "conference: hang-up": (
        ROOM,
        [
            (Drive.joined, S.CONFERRING),
            (Drive.hang_up, S.CLOSING),
            (Drive.left_conference, S.ENDED),
        ],
    ),
    "take": (
        TAKE,
        [
            (Drive.recording, S.SEEKING),
            (Drive.met, S.BRIDGED),
            (Drive.recording, S.BRIDGED),
            (star, S.STOPPING),
            (Drive.recording, S.STOPPING),
            (Drive.released, S.FETCHING),
        ],
    ),
    "take: time limit": (TAKE, [(Drive.met, S.BRIDGED), (Drive.timer, S.STOPPING)]),
    "take: the other hangs up": (TAKE, [(Drive.met, S.BRIDGED), (Drive.released, S.FETCHING)]),
    "take: nobody": (TAKE, [(Drive.timer, S.STOPPING), (Drive.released, S.FETCHING)]),
    "take: too late": (TAKE, [(Drive.timer, S.STOPPING), (Drive.met, S.STOPPING)]),
    "take: the queue goes": (TAKE, [(Drive.released, S.FETCHING)]),
    "take: no queue": (TAKE, [(Drive.no_queue, S.FETCHING)]),
    "take: no queue, late": (TAKE, [(Drive.timer, S.STOPPING), (Drive.no_queue, S.FETCHING)]),
    "take: hang-up": (TAKE, [(Drive.hang_up, S.CLOSING), (Drive.released, S.ENDED)]),
    "take: hang-up, no queue": (TAKE, [(Drive.hang_up, S.CLOSING), (Drive.no_queue, S.ENDED)]),
    "queue": (
        QUEUE,
        [
            (Drive.queue, S.HOLDING),
            (lambda d: d.reply(SAY), S.HOLDING),
            (Drive.played, S.HOLDING),
            (Drive.queue, S.HOLDING),
            (lambda d: d.reply(""), S.HOLDING),
            (Drive.paused, S.HOLDING),
            (Drive.taken, S.BRIDGED),
            (Drive.left_queue, S.FETCHING),
        ],
    ),
    "queue: greeting": (
        QUEUE,
        [
            (Drive.queue, S.HOLDING),
            (lambda d: d.taken("https://agent.example/g"), S.GREETING),
            (lambda d: d.reply(""), S.BRIDGED),
        ],
    ),
    "queue: greeting, alone": (
        QUEUE,
        [
            (Drive.queue, S.HOLDING),
            (lambda d: d.taken("https://agent.example/g"), S.GREETING),
            (Drive.left_queue, S.FETCHING),
        ],
    ),
    "queue: leave": (
        QUEUE,
        [
            (Drive.queue, S.HOLDING),
            (lambda d: d.reply("<Leave/>"), S.STOPPING),
            (Drive.left_queue, S.FETCHING),
        ],
    ),
    "queue: full": (QUEUE, [(lambda d: d.refused(full=True), S.FETCHING)]),
    "queue: never in it": (QUEUE, [(Drive.left_queue, S.FETCHING)]),
    "queue: it goes": (QUEUE, [(Drive.queue, S.HOLDING), (Drive.left_queue, S.FETCHING)]),
    "queue: hang-up": (
        QUEUE,
        [(Drive.queue, S.HOLDING), (Drive.hang_up, S.CLOSING), (Drive.left_queue, S.ENDED)],
    ),
    "queue: hang-up at once": (
        QUEUE,
        [(Drive.hang_up, S.CLOSING), (lambda d: d.refused(full=True), S.ENDED)],
    ),
}


def run(name: str) -> set[tuple[Row, State]]:
    """A scenario, its state checked after each step; the rows that held."""
    inner, steps = SCENARIOS[name]
    drive = Drive(inner)
    for number, (step, state) in enumerate(steps):
        step(drive)
        assert drive.state is state, (number, drive.said)
    return drive.fired


@pytest.mark.parametrize("name", SCENARIOS)
def test_scenario(name: str) -> None:
    """Each step leads to the state that is written beside it, and that its row names."""
    assert run(name)


def _rows() -> Iterator[tuple[Row, State]]:
    for rows in (Script.ROWS, *(machine.ROWS for _, machine in MACHINES)):
        for row in rows:
            yield from ((row, state) for state in row.states)


def test_every_row_is_in_a_scenario() -> None:
    """In every state that it names; those of any state, in some."""
    fired = set().union(*map(run, SCENARIOS))
    held = {row for row, _ in fired}
    ready = Script(document(""))
    update = DocumentReplaced(document("<Pause/>"))
    row = ready.row_for(update)
    assert row is not None
    fired.add((row, ready.state))
    ready.receive(update)
    assert ready.state in row.to
    screening = Script.fetching(Fetch("/s", "POST", (), "Number"), Role.SCREENING)
    screening.begin()
    row = screening.row_for(FetchFailed())
    assert row is not None
    fired.add((row, screening.state))
    screening.receive(FetchFailed())
    assert screening.state in row.to
    assert set(_rows()) - fired == set()
    assert {row for row in Script.ROWS if not row.states} - held == set()
