"""Answers SignalWire with the customer's document, in the language that the call is run in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import structlog
from fastapi import Response

from app.customer import CallContext, Reply, record_findings
from app.live import LiveCall
from app.service import Service
from app.webhooks.common import unopened
from bridge.callbacks import FormFields
from bridge.errors import CustomerError
from twiml.apology import APOLOGY
from twiml.document import Document
from twiml.signalwire.translation import Translation

CARRIER_PATIENCE = 14.0
"""Seconds in which SignalWire must have its answer: it waits 15 at most for cXML (S section 2.5),
and nothing is known of SWML."""

log = structlog.get_logger("answering")


@dataclass(frozen=True, slots=True)
class Language:
    """What SignalWire is answered in. `busy` turns a call away, `silence` says nothing for a while.

    `translate` makes a document of a reply; its last argument is the attribute that began a
    document beside the call's own flow, or empty.
    """

    content_type: str
    busy: str
    silence: str
    apology: Callable[[str], str]
    translate: Callable[[Service, CallContext, Reply, str], Translation]

    def response(self, body: str) -> Response:
        return Response(body, media_type=self.content_type)


@dataclass(frozen=True, slots=True)
class Answer:
    """What SignalWire is answered, and the customer's document behind it if it was usable."""

    response: Response
    document: Document | None = None


async def begin(service: Service, language: Language, live: LiveCall, extra: FormFields) -> Answer:
    """The document of a call that has just come in: of its number's app."""
    route = live.context.route
    if route.voice_url:
        return await answer(
            service, language, live.context, route.voice_url, route.voice_method, extra
        )
    if service.settings.local:
        agent = f"{service.base_url}/agent/voice"
        return await answer(service, language, live.context, agent, "POST", extra)
    live.call.timeline.add(
        "call.apology",
        "error",
        message="no app is set for this number",
        advice="Set TWIML_BRIDGE_VOICE_URL, or the number in the routes file.",
    )
    return Answer(language.response(language.apology(APOLOGY)))


async def answer(
    service: Service,
    language: Language,
    context: CallContext,
    url: str,
    method: str,
    extra: FormFields = (),
    *,
    aside: str = "",
) -> Answer:
    """The customer's document, translated; an apology when there is none that can be used.

    Who waits with music is not thrown out for its want: there silence stands for the apology.
    """
    try:
        reply = await service.customer.ask(context, url, method, extra, within=CARRIER_PATIENCE)
        output = _translated(service, language, context, reply, aside)
        if output is not None:
            return Answer(language.response(output), reply.document)
    except CustomerError as error:
        context.call.timeline.add(
            "call.apology", "error", code=error.code, message=error.message, advice=error.advice
        )
    except Exception:
        # Whatever it is, the caller hears a sentence and not a carrier's error.
        log.exception("document could not be answered", call=context.call.sid)
        context.call.timeline.add("call.apology", "error", message="internal error")
    quiet = aside == "waitUrl"
    return Answer(language.response(language.silence if quiet else language.apology(APOLOGY)))


def answer_with(service: Service, language: Language, context: CallContext, reply: Reply) -> Answer:
    """A document that is at hand, translated; an apology when it cannot be used."""
    record_findings(context.call.timeline, reply.document, "")
    if reply.document.fatal is None:
        output = _translated(service, language, context, reply, "")
        if output is not None:
            return Answer(language.response(output), reply.document)
    return Answer(language.response(language.apology(APOLOGY)))


def _translated(
    service: Service, language: Language, context: CallContext, reply: Reply, aside: str
) -> str | None:
    """The translation; None when it is too large."""
    translation = language.translate(service, context, reply, aside)
    timeline = context.call.timeline
    for loss in translation.losses:
        timeline.add(
            "translation.loss",
            "warning",
            line=loss.line,
            message=f"<{f'{loss.element} {loss.attribute}'.rstrip()}> {loss.why}",
            advice=loss.instead,
        )
    for stream, bidirectional in translation.refused:
        # They never reach the carrier, which cannot tell when the call comes to them either.
        unopened(service, context, stream, bidirectional).begin()
    if translation.too_large:
        timeline.add(
            "call.apology", "error", code=11750, message="the translated document is over 64 kB"
        )
        return None
    timeline.add("translation.done", size=len(translation.output))
    return translation.output
