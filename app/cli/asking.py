"""Asks an app for TwiML as Twilio does, from a command that is no server."""

from __future__ import annotations

import asyncio

from app.cli.call import begin_local_call
from app.customer import voice_form
from app.service import Service
from app.settings import Settings
from bridge.call import Parties
from bridge.engine.webhook import Answer

PARTIES = Parties("+15550006789", "+15550001234")
"""Who calls whom, as `twiml-bridge call` has it."""


class Asker:
    """Asks one URL after the other, each time as a new call (T section 9). End it with `close`."""

    def __init__(self, settings: Settings) -> None:
        self._runner = asyncio.Runner()
        try:
            self._service = self._runner.run(_service(settings))
        except BaseException:
            self._runner.close()
            raise

    def ask(self, url: str, method: str, max_body: int) -> Answer:
        """The app's last answer; raises CustomerError when there is no 2xx answer.

        Local addresses are reached: whoever types a URL may do so from here.
        """
        live = begin_local_call(self._service, PARTIES)
        try:
            return self._runner.run(
                self._service.engine.webhooks.request(
                    url, method, voice_form(live.call), max_body=max_body
                )
            )
        finally:
            self._service.end_call(live.call.sid, "asked")

    def close(self) -> None:
        try:
            self._runner.run(self._service.close())
        finally:
            self._runner.close()


async def _service(settings: Settings) -> Service:
    return Service(settings)
