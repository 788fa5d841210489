"""The tables that the script is driven by, for people: docs/script.md has them."""

from __future__ import annotations

from collections.abc import Iterator

from twiml.script.activity import Activity, Row
from twiml.script.conferring import Conferring
from twiml.script.cursor import Script
from twiml.script.dialling import Ringing
from twiml.script.gathering import Gathering
from twiml.script.playing import Connecting, Echoing, Pausing, Playing
from twiml.script.queueing import Queueing
from twiml.script.recording import Recorder
from twiml.script.states import MEANINGS, Role, State
from twiml.script.taking import Taking
from twiml.script.verbs import ALLOWED, EVERY_VERB, PLACES, RULES

MACHINES: tuple[tuple[str, type[Activity]], ...] = (
    ("`<Say>` and `<Play>`", Playing),
    ("`<Pause>`", Pausing),
    ("`<Echo>`", Echoing),
    ("`<Connect><Stream>`", Connecting),
    ("`<Gather>`", Gathering),
    ("`<Record>`", Recorder),
    ("`<Dial>`: `<Number>`, `<Client>`, `<Sip>`", Ringing),
    ("`<Dial><Conference>`", Conferring),
    ("`<Dial><Queue>`", Taking),
    ("`<Enqueue>`", Queueing),
)
"""The verbs that block, with the headings of their tables."""


def render() -> str:
    """All of them, in Markdown."""
    return "\n".join([*_sections(), ""])


def _sections() -> Iterator[str]:
    yield "## Verbs\n"
    yield from _table(("Verb", "Begins with", "Blocks in"), _verbs())
    yield "\n## Documents within a call\n"
    yield "Other verbs in them are skipped.\n"
    yield from _table(("A document that runs", "May hold", "At its end"), _roles())
    yield "\n## States\n"
    states = ((_name(state), meaning) for state, meaning in MEANINGS.items())
    yield from _table(("State", "What it is"), states)
    yield "\n## Always\n"
    yield from _rows(Script.ROWS)
    for heading, machine in MACHINES:
        yield f"\n## {heading}\n"
        if machine.ROWS:
            yield from _rows(machine.ROWS)
        else:
            yield "Only the end of the call, or another document, ends it."


def _verbs() -> Iterator[tuple[str, ...]]:
    for rule in RULES:
        states = ", ".join(_name(state) for state in rule.states) or "does not block"
        yield f"`<{rule.verb.__name__}>`", rule.then, states


def _roles() -> Iterator[tuple[str, ...]]:
    ends = {
        Role.CALL: "hang up",
        Role.SCREENING: "the leg is connected",
        Role.GREETING: "the two are connected",
        Role.QUEUE: "it is asked for again",
        Role.CONFERENCE: "silence",
    }
    for role, verbs in ALLOWED.items():
        named = ", ".join(f"`<{verb}>`" for verb in sorted(verbs))
        yield PLACES[role], "every verb" if verbs == EVERY_VERB else named, ends[role]


def _rows(rows: tuple[Row, ...]) -> Iterator[str]:
    lines = (
        (
            ", ".join(map(_name, row.states)) or "any",
            f"`{row.event.__name__}`" + (f", {row.when}" if row.when else ""),
            row.then,
            ", ".join(map(_next, row.to)),
        )
        for row in rows
    )
    return _table(("State", "Event", "Then", "Next"), lines)


def _table(heads: tuple[str, ...], lines: Iterator[tuple[str, ...]]) -> Iterator[str]:
    yield f"| {' | '.join(heads)} |"
    yield "|" + "---|" * len(heads)
    for line in lines:
        yield f"| {' | '.join(line)} |"


def _name(state: State) -> str:
    return state.value.upper()


def _next(state: State) -> str:
    return "next verb" if state is State.RUNNING else _name(state)
