"""`twiml-bridge translate`, run as a user runs it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from app.cli import cli
from tests.app.commands import CLEAN, SPOILT, Ran, command, start, twiml
from tests.support.peers import response, web_app

XML = "Content-Type: text/xml"
LOSSY = (
    "<Response>\n"
    '  <Gather bargeIn="false" action="/a"/>\n'
    '  <Start><Siprec name="x"/><Stream url="m?a=1" name="ü"/></Start>\n'
    "  <tell/>\n"
    "</Response>"
)
CXML = """\
<?xml version="1.0" encoding="UTF-8"?>
<Response>
  <Gather action="/a"/>
  <Start>
    <Stream url="m" name="ü"/>
  </Start>
</Response>
"""


async def translate(*arguments: object, **more: Any) -> Ran:
    return await command("translate", *arguments, **more)


async def test_a_translation(tmp_path: Path) -> None:
    """Alone on standard output; findings and losses, one a line, on standard error."""
    path = twiml(tmp_path, LOSSY)
    ran = await translate(path, "--to", "cxml", PYTHONIOENCODING="latin-1")
    assert ran.out == CXML
    assert ran.status == 0
    dropped, unknown, *losses = ran.err.splitlines()
    assert dropped.startswith(f"{path}:3:36 warning 12200 The query string of")
    assert unknown.startswith(f"{path}:4:3 warning 12200 <Response> cannot hold <tell>")
    assert losses == [
        (
            f"{path}:2 loss <Gather bargeIn> has no counterpart in cXML. "
            "What is entered may interrupt what is played."
        ),
        (
            f"{path}:3 loss <Siprec> has no counterpart in cXML. "
            "Use <Start><Stream> with both tracks."
        ),
    ]


async def test_json(tmp_path: Path) -> None:
    """One object for reading: the output, the losses and the findings; nothing beside it."""
    ran = await translate(twiml(tmp_path, LOSSY), "--to", "cxml", "--json")
    record = json.loads(ran.out)
    assert list(record) == ["output", "losses", "diagnostics"]
    assert record["output"] == CXML
    assert record["losses"] == [
        {
            "element": "Gather",
            "attribute": "bargeIn",
            "line": 2,
            "why": "has no counterpart in cXML.",
            "instead": "What is entered may interrupt what is played.",
        },
        {
            "element": "Siprec",
            "attribute": "",
            "line": 3,
            "why": "has no counterpart in cXML.",
            "instead": "Use <Start><Stream> with both tracks.",
        },
    ]
    assert [found["code"] for found in record["diagnostics"]] == [12200, 12200]
    assert ran.out.startswith('{\n  "output"')
    assert (ran.err, ran.status) == ("", 0)


async def test_an_unusable_document(tmp_path: Path) -> None:
    """Its findings, no output, and status 1."""
    path = twiml(tmp_path, "<Response><Say>")
    ran = await translate(path, "--to", "cxml")
    assert (ran.status, ran.out) == (1, "")
    assert ran.err.startswith(f"{path}:1:16 error 12100 ")
    ran = await translate(path, "--to", "cxml", "--json")
    record = json.loads(ran.out)
    assert (ran.status, record["output"], record["losses"]) == (1, None, [])
    assert [found["code"] for found in record["diagnostics"]] == [12100]


async def test_a_document_with_a_refused_stream(tmp_path: Path) -> None:
    """It can run without that stream, and so it is translated without it."""
    path = twiml(tmp_path, SPOILT)
    ran = await translate(path, "--to", "cxml")
    assert ran.status == 0
    assert ran.out.endswith("<Response/>\n")
    error, loss = ran.err.splitlines()
    assert error.startswith(f"{path}:2:18 error 31922 ")
    assert loss.startswith(f"{path}:2 loss <Stream> is refused (31922): ")


async def test_standard_input_and_a_base() -> None:
    """--base-url makes what is relative absolute."""
    base = ("--base-url", "https://a.example/v/x")
    ran = await translate("-", "--to", "cxml", *base, stdin=LOSSY.encode())
    assert '<Gather action="https://a.example/a"/>' in ran.out
    assert '<Stream url="wss://a.example/v/m" name="ü"/>' in ran.out
    assert ran.err.startswith("-:3:36 warning ")


async def test_a_url() -> None:
    """Asked as Twilio asks; its final address is the base, unless another is given."""
    moved = response(307, b"", "Location: /v/x")
    async with web_app(moved, response(200, LOSSY.encode(), XML)) as app:
        ran = await translate(app.url("/"), "--to", "cxml", "--method", "GET")
        host = app.origin.removeprefix("http://")
        assert f'<Gather action="http://{host}/a"/>' in ran.out
        assert f'<Stream url="wss://{host}/v/m" name="ü"/>' in ran.out
        ran = await translate(app.url("/"), "--to", "cxml", "--base-url", "https://b.example/")
        assert '<Gather action="https://b.example/a"/>' in ran.out
    assert [request.method for request in app.requests] == ["GET", "GET", "POST"]
    assert app.requests[0].header("X-Twilio-Signature")


async def test_a_url_without_a_document() -> None:
    """The finding that says why, and status 1."""
    async with web_app(response(500)) as app:
        ran = await translate(app.url("/"), "--to", "cxml")
    assert (ran.status, ran.out) == (1, "")
    assert ran.err.startswith(f"{app.url('/')}:0:0 error 11200 ")


async def test_targets_that_are_no_document(tmp_path: Path) -> None:
    """A folder, or nothing at all, is misuse."""
    folder = twiml(tmp_path, CLEAN, "d/a.xml").parent
    (tmp_path / "empty").mkdir()
    for target, words in (
        (folder, "is a directory; name one document"),
        (tmp_path / "empty", "in this directory"),
        (tmp_path / "missing", "no such file or directory"),
    ):
        ran = await translate(target, "--to", "cxml")
        assert (ran.status, ran.out) == (2, "")
        assert ran.err.startswith(f"twiml-bridge: {target}: ")
        assert words in ran.err


async def test_misuse(tmp_path: Path) -> None:
    """A language has to be named, and it is one of two."""
    for options in ((), ("--to", "laml"), ("--to", "swml", "--dialect", "x")):
        ran = await translate(twiml(tmp_path), *options)
        assert (ran.status, ran.out) == (2, "")


@pytest.mark.parametrize(("dialect", "method"), [("full", "stream"), ("strict", "tap")])
def test_swml(tmp_path: Path, dialect: str, method: str) -> None:
    """The dialect and the base reach the translator; with --json its output is an object."""
    inner = "<Redirect>/next</Redirect><Echo/>"
    start = f'<Start><Stream url="wss://c.example/m" name="s"/></Start><Leave/>{inner}'
    path = twiml(tmp_path, f"<Response>{start}</Response>")
    arguments = ["translate", str(path), "--to", "swml", "--dialect", dialect]
    ran = CliRunner().invoke(cli, [*arguments, "--base-url", "https://a.example/voice"])
    assert ran.exit_code == 0
    main = json.loads(ran.stdout)["sections"]["main"]
    assert [next(iter(step)) for step in main] == ["answer", method, "transfer"]
    assert main[1][method]["control_id"] == "s"
    assert main[2] == {"transfer": {"dest": "https://a.example/next"}}
    assert "app.xml:1 loss <Leave> cannot be said while a call waits in a queue." in ran.stderr

    record = json.loads(CliRunner().invoke(cli, [*arguments, "--json"]).stdout)
    assert record["output"]["version"] == "1.0.0"
    assert [loss["element"] for loss in record["losses"]] == ["Leave", "Redirect"]


def test_swml_has_no_relative_urls(tmp_path: Path) -> None:
    """A stream whose URL cannot be made absolute is refused."""
    path = twiml(tmp_path, '<Response><Start><Stream url="m"/></Start></Response>')
    ran = CliRunner().invoke(cli, ["translate", str(path), "--to", "swml"])
    assert ":1:26 error 31923 The stream's url is relative" in ran.stderr


async def test_nobody_reads_the_output(tmp_path: Path) -> None:
    """It ends quietly, with the status of a tool that a broken pipe has ended."""
    unread, end = os.pipe()
    os.close(unread)
    try:
        process = await start("translate", twiml(tmp_path), "--to", "cxml", stdout=end)
    finally:
        os.close(end)
    _, err = await process.communicate()
    assert (process.returncode, err) == (141, b"")
