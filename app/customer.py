"""Asks the customer's app for TwiML, exactly as Twilio does (T sections 9 and 10)."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from app.facts import Facts
from app.routes import Route
from bridge.call import Call
from bridge.callbacks import FormFields
from bridge.engine.webhook import Answer, Cookies, Webhooks
from bridge.errors import CustomerError
from bridge.timeline import Timeline
from twiml.document import Document
from twiml.response import read_response

MAX_TWIML = 64 * 1024


@dataclass(slots=True)
class CallContext:
    """What a call's webhooks share: its app, its cookies, and the document it runs now.

    `facts` is what SignalWire has told of it beside its webhooks.
    """

    call: Call
    route: Route
    cookies: Cookies = field(default_factory=dict)
    facts: Facts = field(default_factory=Facts)
    document_url: str = ""


@dataclass(frozen=True, slots=True)
class Reply:
    """A document and the URL it came from (after redirects), the base of its relative URLs."""

    document: Document
    url: str


class Customer:
    """The customer's app as a source of documents."""

    def __init__(self, webhooks: Webhooks, *, allow_plain_ws: bool) -> None:
        self._webhooks = webhooks
        self._allow_plain_ws = allow_plain_ws

    async def ask(
        self,
        context: CallContext,
        url: str,
        method: str,
        extra: FormFields = (),
        *,
        within: float | None = None,
    ) -> Reply:
        """The document at `url`, or else at the route's fallback URL.

        `within` bounds both together, in seconds; the first then leaves a third of it to the other.

        `extra` are parameters beside the standard ones, and stand in for those of the same name.
        Raises CustomerError when neither gives a usable document; both attempts, with the number
        and the place of what was wrong, are on the call's timeline.
        """
        form = voice_form(context.call, extra)
        fallback = context.route.voice_fallback_url
        share = 2 / 3 if fallback else 1
        began = time.monotonic()
        try:
            return await self._fetch(context, url, method, form, within and within * share)
        except CustomerError as error:
            if not fallback:
                raise
            trouble = (("ErrorCode", str(error.code)), ("ErrorUrl", url.partition("#")[0]))
            return await self._fetch(
                context,
                fallback,
                context.route.voice_fallback_method,
                form + trouble,
                within and within - (time.monotonic() - began),
            )

    async def _fetch(
        self,
        context: CallContext,
        url: str,
        method: str,
        form: FormFields,
        within: float | None,
    ) -> Reply:
        timeline = context.call.timeline
        place = _place(url)
        try:
            answer = await self._request(context, url if place else "", method, form, within)
        except CustomerError as error:
            timeline.add(
                "webhook.failed",
                "error",
                url=place,
                method=method,
                code=error.code,
                message=error.message,
                advice=ADVICE.get(error.code, ""),
            )
            raise
        timeline.add(
            "webhook.answered",
            url=place,
            method=method,
            status=answer.status,
            seconds=answer.seconds,
            attempts=answer.attempts,
            signed=answer.signed,
        )
        document = self._read(answer)
        record_findings(timeline, document, place)
        if document.fatal is not None:
            raise CustomerError(
                int(document.fatal.code), document.fatal.message, document.fatal.advice
            )
        context.document_url = answer.url
        return Reply(document, answer.url)

    async def _request(
        self,
        context: CallContext,
        url: str,
        method: str,
        form: FormFields,
        within: float | None,
    ) -> Answer:
        if not url:
            raise CustomerError(11210, "the URL is empty or malformed")
        return await self._webhooks.request(
            url, method, form, max_body=MAX_TWIML, cookies=context.cookies, within=within
        )

    def _read(self, answer: Answer) -> Document:
        # One byte over the limit is enough for the parser to report 11750.
        body = answer.body + b" " if answer.truncated else answer.body
        return read_response(
            answer.content_type, body, answer.url, allow_plain_ws=self._allow_plain_ws
        )


def record_findings(timeline: Timeline, document: Document, place: str) -> None:
    """Put what is wrong with a document from `place` on a call's timeline."""
    for finding in document.diagnostics:
        timeline.add(
            "twiml.diagnostic",
            finding.severity.value,
            code=int(finding.code),
            url=place,
            line=finding.line,
            column=finding.column,
            message=finding.message,
            advice=finding.advice,
        )


def voice_form(call: Call, extra: FormFields = ()) -> FormFields:
    """The parameters of a voice webhook: the seven that are always there, then what is known.

    What is known of the call beside them says nothing of another leg, should `extra` name one.
    """
    form = {
        "CallSid": call.sid,
        "AccountSid": call.account_sid,
        "From": call.parties.from_,
        "To": call.parties.to,
        "CallStatus": call.status.value,
        "ApiVersion": "2010-04-01",
        "Direction": call.parties.direction,
    }
    if all(value == call.sid for name, value in extra if name == "CallSid"):
        form.update(call.extra)
    others = [(name, value) for name, value in extra if name not in form]
    form.update((name, value) for name, value in extra if name in form)
    form["Caller"], form["Called"] = form["From"], form["To"]
    return (*form.items(), *others)


def _place(url: str) -> str:
    """A URL without what may be secret, its query and user; empty when it is malformed."""
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises ValueError, as urlsplit does
    except ValueError:
        return ""
    netloc = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=netloc, query="", fragment="").geturl()


ADVICE = {
    11200: "Answer with status 200 and TwiML.",
    11203: "Answer faster: 15 s are allowed in all.",
    11205: "Check that the app runs and that its address is reachable from here.",
    11210: "Use an http or https URL whose host is a public name (local mode allows others).",
    11215: "Redirect at most 10 times.",
    11220: "Serve a certificate that this machine trusts, for this host name.",
}
"""How to mend what keeps an app from giving a document, by Twilio's number."""
