"""A customer's app with an answer for each path, which remembers what it was asked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from urllib.parse import parse_qsl, urlsplit

from tests.support.peers import HOST, read_request, response, tcp_server

XML = "Content-Type: text/xml"
Answer = str | bytes | int
"""TwiML, the body of an audio file, or a status with nothing."""


class App:
    """`asked` has each request's path and parameters, from its form or its query; `methods` has the
    last method for each path. Requests for a path that is `held` are not answered before its
    event is set."""

    def __init__(self, answers: Mapping[str, Answer]) -> None:
        self.answers = dict(answers)
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.methods: dict[str, str] = {}
        self.held: dict[str, asyncio.Event] = {}
        self.origin = ""
        self._more = asyncio.Event()

    def url(self, path: str) -> str:
        return self.origin + path

    def forms(self, path: str) -> list[dict[str, str]]:
        return [form for asked, form in self.asked if asked == path]

    async def until(self, path: str, count: int = 1) -> dict[str, str]:
        """The form of the request to a path that is the `count`-th."""
        while len(self.forms(path)) < count:
            self._more.clear()
            await self._more.wait()
        return self.forms(path)[count - 1]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            request = await read_request(reader)
        except asyncio.IncompleteReadError:
            return
        parts = urlsplit(request.target)
        text = request.body.decode() if request.method == "POST" else parts.query
        self.methods[parts.path] = request.method
        self.asked.append((parts.path, dict(parse_qsl(text, keep_blank_values=True))))
        self._more.set()
        if parts.path in self.held:
            await self.held[parts.path].wait()
        answer = self.answers.get(parts.path)
        if answer is None or isinstance(answer, int):
            writer.write(response(answer or 204))
        elif isinstance(answer, bytes):
            writer.write(response(200, answer, "Content-Type: audio/x-wav"))
        else:
            body = answer.replace("{origin}", self.origin)
            writer.write(response(200, f"<Response>{body}</Response>".encode(), XML))
        await writer.drain()


@asynccontextmanager
async def voice_app(answers: Mapping[str, Answer] = {}) -> AsyncIterator[App]:
    """An app; `{origin}` in an answer is where it is. Other paths answer 204."""
    app = App(answers)
    async with tcp_server(app.serve) as port:
        app.origin = f"http://{HOST}:{port}"
        yield app
