"""What every shell around a script is given: the call, its line, and whom to report to."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from app.customer import CallContext, voice_form
from bridge.callbacks import FormFields
from bridge.engine.line import Line
from twiml.actions import Element
from twiml.script import Command, Event
from twiml.script.reports import Report

if TYPE_CHECKING:
    from app.live import LiveCall
    from app.service import Service

Does = dict[type[Command], Callable[[Any], None]]
"""What a shell carries out: a method for each kind of command."""


@dataclass(slots=True)
class Desk:
    """One running call, as its shells share it. `post` reports an event to its script."""

    service: Service
    live: LiveCall
    line: Line
    post: Callable[[Event], None]
    work: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def context(self) -> CallContext:
        return self.live.context

    def later(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Do something beside everything else; it is given up when the call is over."""
        task = asyncio.create_task(work)
        self.work.add(task)
        task.add_done_callback(self.work.discard)
        return task

    def tell(self, kind: str, level: str = "info", /, **data: object) -> None:
        """Put something on the call's timeline."""
        self.live.call.timeline.add(kind, level, **data)

    def skipped(self, element: Element, reason: str) -> None:
        self.tell("verb.skipped", "warning", verb=element.tag, line=element.line, message=reason)

    def send(self, report: Report | None, *, order: str) -> None:
        """Report what goes on by itself, if the document asks for it."""
        if report is not None:
            self.service.engine.sender.send(
                self.live.call, report.url, report.method, report.fields, order=order
            )

    def notify(self, url: str, method: str, parameters: FormFields) -> None:
        """A request whose reply nobody waits for."""
        call = self.live.call
        form = voice_form(call, parameters)
        self.service.engine.sender.send(call, url, method, form, order=f"{call.sid} {url}")
