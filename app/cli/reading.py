"""Reads the documents of targets, wherever they are, and says what came of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from app.cli.targets import Target
from app.lint import Report, not_had
from twiml.document import FETCHED, Limits
from twiml.parser import parse
from twiml.response import read_response
from twiml.signalwire.links import NOWHERE

if TYPE_CHECKING:
    from app.cli.asking import Asker

_RETRIEVAL = 11200
"""Twilio's number for a document that cannot be had."""


@dataclass(frozen=True, slots=True)
class Rules:
    """How documents are asked for and what they are held to.

    `base_url` is where they come from; empty: a file's address is not known, a URL's is its own.
    Without `relative` a stream's relative URL is an error when the address is not known.
    """

    method: str = "POST"
    base_url: str = ""
    relative: bool = True
    limits: Limits = FETCHED
    allow_plain_ws: bool = False


class Reader:
    """Reads one document after the other. A context manager, which closes the asker at its end.

    `asker` is needed for URLs only.
    """

    def __init__(self, rules: Rules, asker: Asker | None = None) -> None:
        self._rules = rules
        self._asker = asker

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._asker is not None:
            self._asker.close()

    def report(self, target: Target) -> Report:
        """What a target holds; whatever is wrong with it is a finding."""
        return self._asked(target) if target.is_url else self._opened(target)

    def _opened(self, target: Target) -> Report:
        rules = self._rules
        try:
            # One byte over the limit is enough for the parser to report it.
            data = target.read(rules.limits.max_bytes + 1)
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or error
            message = f"It cannot be read: {why}."
            return not_had(target.shown, _RETRIEVAL, message, "Name a file that can be read.")
        base_url = rules.base_url or (NOWHERE if rules.relative else None)
        document = parse(data, rules.limits, base_url=base_url, allow_plain_ws=rules.allow_plain_ws)
        return Report(target.shown, document, rules.base_url)

    def _asked(self, target: Target) -> Report:
        from app.customer import ADVICE  # noqa: PLC0415 -- files need no HTTP
        from bridge.errors import CustomerError  # noqa: PLC0415

        assert self._asker is not None
        rules = self._rules
        try:
            answer = self._asker.ask(target.name, rules.method, rules.limits.max_bytes)
        except CustomerError as error:
            message = f"The app gives no document: {error.message}."
            return not_had(target.shown, error.code, message, ADVICE.get(error.code, ""))
        base_url = rules.base_url or answer.url
        document = read_response(
            answer.content_type,
            answer.body + b" " if answer.truncated else answer.body,
            base_url,
            rules.limits,
            allow_plain_ws=rules.allow_plain_ws,
        )
        return Report(target.shown, document, base_url)
