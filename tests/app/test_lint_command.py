"""`twiml-bridge lint`, run as a user runs it."""

from __future__ import annotations

import asyncio
import os
import pty
import signal
import socket
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
from twilio.request_validator import RequestValidator

from app.settings import LOCAL_AUTH_TOKEN
from tests.app.commands import CLEAN, SPOILT, WARNED, Ran, command, start, twiml
from tests.e2e.processes import SCRIPT
from tests.support.authority import Authority
from tests.support.peers import response, tcp_server, web_app

XML = "Content-Type: text/xml"
RELATIVE = '<Response><Start><Stream url="media"/></Start></Response>'


async def lint(*arguments: object, **more: Any) -> Ran:
    return await command("lint", *arguments, **more)


async def on_a_terminal(*arguments: object, out: bool = False, **env: str) -> str:
    """What a run shows on a terminal that is its standard error, and its output if `out`."""
    leader, follower = pty.openpty()
    process = await start(
        "lint",
        *arguments,
        stderr=follower,
        stdout=follower if out else asyncio.subprocess.DEVNULL,
        env=env,
    )
    os.close(follower)
    shown = bytearray()
    loop = asyncio.get_running_loop()
    while True:
        try:
            shown += await loop.run_in_executor(None, os.read, leader, 65536)
        except OSError:  # the last process has closed the terminal
            break
    os.close(leader)
    await process.wait()
    return shown.decode()


# Findings


async def test_findings_are_lines(tmp_path: Path) -> None:
    """One a line on standard output; the count on standard error; status 1 for an error."""
    spoilt, warned = twiml(tmp_path, SPOILT, "b.xml"), twiml(tmp_path, WARNED, "a.xml")
    ran = await lint(spoilt, warned, twiml(tmp_path, CLEAN, "c.xml"))
    assert ran.out.splitlines() == [
        (
            f"{spoilt}:2:18 error 31922 The stream's url begins with ws: and not with wss://. "
            "Media Streams connect over TLS only: write wss:// "
            "(a tunnel such as ngrok gives you one)."
        ),
        (
            f"{warned}:1:11 warning 12200 <Response> cannot hold <say>; it is left out. "
            "Did you mean <Say>? Upper and lower case count."
        ),
    ]
    assert ran.err == "3 files, 1 error, 1 warning\n"
    assert ran.status == 1


@pytest.mark.parametrize(("text", "status"), [(CLEAN, 0), (WARNED, 0), (SPOILT, 1), ("", 1)])
async def test_the_status_tells_errors(tmp_path: Path, text: str, status: int) -> None:
    """Warnings do not change it, and how findings are printed does not."""
    path = twiml(tmp_path, text)
    for options in ((), ("--json",)):
        assert (await lint(path, *options)).status == status


async def test_json_is_one_object_a_line(tmp_path: Path) -> None:
    """Compact, for each document, in the order given; nothing beside it."""
    paths = [twiml(tmp_path, text, f"ü{n}.xml") for n, text in enumerate((SPOILT, CLEAN, WARNED))]
    ran = await lint("--json", *paths, PYTHONIOENCODING="latin-1")
    assert [record["file"] for record in ran.records] == [str(path) for path in paths]
    assert [record["verdict"] for record in ran.records] == ["error", "accept", "warn"]
    assert ran.codes == [[31922], [], [12200]]
    assert '": ' not in ran.out
    assert ran.err == ""


async def test_others_text_does_not_steer_the_terminal(tmp_path: Path) -> None:
    """Line ends and control characters are escaped, in values and in file names."""
    path = twiml(tmp_path, '<Response><a b="&#10;&#155;31m"/></Response>', "x\n\x1b[31m.xml")
    values = twiml(tmp_path, '<Response><Pause length="&#10;&#155;m"/></Response>', "y.xml")
    ran = await lint(path, values)
    first, second = ran.out.splitlines()
    assert first.startswith(f"{tmp_path}/x\\n\\x1b[31m.xml:1:11 ")
    assert '"\\n\\x9bm"' in second


async def test_an_encoding_that_lacks_a_character(tmp_path: Path) -> None:
    """It is escaped."""
    ran = await lint(twiml(tmp_path, ""), PYTHONIOENCODING="latin-1")
    assert ran.out.endswith("Answer with <Response> \\u2026 </Response>.\n")


# Targets


async def test_directories(tmp_path: Path) -> None:
    """Every *.xml and *.twiml below, a folder's own files before its folders'; nothing else."""
    names = ("b.xml", "a.twiml", "d/c.XML", "d/a/z.xml", "a/y.twiml", "n.txt", "xml", "d/e.json")
    for name in names:
        twiml(tmp_path, CLEAN, name)
    (tmp_path / "link").symlink_to(tmp_path)
    ran = await lint(tmp_path, "--json")
    found = [str(Path(record["file"]).relative_to(tmp_path)) for record in ran.records]
    assert found == ["a.twiml", "b.xml", "a/y.twiml", "d/c.XML", "d/a/z.xml"]
    assert ran.status == 0


async def test_targets_that_lead_nowhere(tmp_path: Path) -> None:
    """Each is named on standard error, the others are checked, and the status is 2."""
    (tmp_path / "empty").mkdir()
    path = twiml(tmp_path, SPOILT)
    missing = tmp_path / "missing.xml"
    ran = await lint(missing, tmp_path / "empty", path, f"{path}/x", "htp://a.example/", "--json")
    assert ran.codes == [[31922]]
    assert ran.err.splitlines() == [
        f"twiml-bridge: {missing}: no such file or directory",
        f"twiml-bridge: {tmp_path}/empty: no *.xml or *.twiml file in this directory",
        f"twiml-bridge: {path}/x: no such file or directory",
        (
            "twiml-bridge: htp://a.example/: no such file or directory; "
            "a URL begins with http:// or https://"
        ),
    ]
    assert ran.status == 2


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "Missing argument"),
        (("--limits", "x", "a.xml"), "--limits"),
        (("--method", "PUT", "a.xml"), "--method is GET or POST, not PUT"),
        (("--base-url", "/voice", "a.xml"), "--base-url is an absolute http or https URL"),
        (("--base-url", "wss://a.example/", "a.xml"), "--base-url"),
    ],
)
async def test_misuse(options: tuple[str, ...], said: str) -> None:
    """One message and status 2."""
    ran = await lint(*options)
    assert said in ran.err
    assert (ran.out, ran.status) == ("", 2)


async def test_standard_input() -> None:
    """Its name is a dash."""
    ran = await lint("-", "--json", stdin=WARNED.encode())
    assert [(record["file"], record["codes"]) for record in ran.records] == [("-", [12200])]
    ran = await lint("-", stdin=SPOILT.encode())
    assert ran.out.startswith("-:2:18 error 31922 ")


async def test_closed_standard_input() -> None:
    """A finding as for a file that cannot be read."""
    shell = await asyncio.create_subprocess_exec(
        *("sh", "-c", 'exec "$0" lint - <&-', str(SCRIPT)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await shell.communicate()
    assert b"-:0:0 error 11200 It cannot be read: standard input is closed." in out
    assert b"Traceback" not in err
    assert shell.returncode == 1


def _many(folder: Path, count: int) -> Path:
    for number in range(count):
        text = (CLEAN, WARNED, SPOILT)[number % 3]
        twiml(folder, text, f"many/{number // 500}/{number:05}.xml")
    return folder / "many"


async def test_thousands_of_files(tmp_path: Path) -> None:
    """All of them are checked, in order."""
    ran = await lint(_many(tmp_path, 5000), "--json")
    assert ran.codes == [[[], [12200], [31922]][number % 3] for number in range(5000)]
    files = [record["file"] for record in ran.records]
    assert files == sorted(files)
    assert ran.status == 1


async def test_results_come_as_they_are_had(tmp_path: Path) -> None:
    """The first document's stand there while the second is not yet read; Ctrl-C ends it quietly."""
    process = await start("lint", twiml(tmp_path, WARNED), "-")
    assert process.stdout is not None
    assert b"warning 12200" in await process.stdout.readline()
    process.send_signal(signal.SIGINT)
    out, err = await process.communicate()
    assert (out, err) == (b"", b"")
    assert process.returncode == 130


@pytest.mark.parametrize("options", [(), ("--json",)])
async def test_a_reader_that_goes_away(tmp_path: Path, options: tuple[str, ...]) -> None:
    """As `| head` does: no more work, no word about it, and a status that blames no document."""
    reading, writing = os.pipe()
    process = await start("lint", _many(tmp_path, 2000), *options, stdout=writing)
    os.close(writing)
    os.read(reading, 100)
    os.close(reading)
    _, err = await process.communicate()
    assert err == b""
    assert process.returncode == 141


# Files that are none


@pytest.mark.parametrize(
    "data",
    [
        b"\0",
        b"<Response>\0</Response>",
        b"\x7fELF\x02\x01\x01\0",
        bytes(range(256)),
        b"\xff\xfe\0",
        b"\x1f\x8b\x08\0",
        "<Response>".encode("utf-32"),
    ],
)
async def test_binary_files(tmp_path: Path, data: bytes) -> None:
    """One finding, 12100."""
    ran = await lint(twiml(tmp_path, data), "--json")
    (record,) = ran.records
    assert record["codes"] == [12100]
    assert len(record["diagnostics"]) == 1
    assert ran.status == 1


async def test_huge_files(tmp_path: Path) -> None:
    """Only as much is read as shows that it is too much: one finding."""
    path = twiml(tmp_path, "<Response>")
    with path.open("r+b") as file:
        file.truncate(10 << 40)
    ran = await lint(path, "/dev/zero", "--json")
    assert ran.codes == [[11750], [11750]]


async def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    """Each gives one finding that says why; a pipe in a folder is not waited for."""
    twiml(tmp_path, CLEAN, "a.xml")
    (tmp_path / "broken.xml").symlink_to("nowhere")
    (tmp_path / "loop.xml").symlink_to("loop.xml")
    os.mkfifo(tmp_path / "pipe.xml")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket.xml"))
        ran = await lint(tmp_path, tmp_path / "loop.xml", "x" * 5000, "--json")
    assert ran.codes == [[], *([[11200]] * 6)]
    words = [record["diagnostics"][0]["message"] for record in ran.records[1:]]
    assert [word.partition(": ")[2] for word in words[:3]] == [
        "No such file or directory.",
        "Too many levels of symbolic links.",
        "it is not a regular file.",
    ]
    assert ran.status == 1


async def test_names_that_are_no_text(tmp_path: Path) -> None:
    """A name in other bytes than UTF-8 is read, and shown with a sign for what it cannot show."""
    path = os.fsencode(tmp_path) + b"/\xff.xml"
    os.close(os.open(path, os.O_CREAT))
    ran = await lint(tmp_path, "--json")
    assert [record["file"] for record in ran.records] == [f"{tmp_path}/\ufffd.xml"]


# What documents are held to


async def test_relative_urls(tmp_path: Path) -> None:
    """They are no mistake in a file; with --base-url the record says where they lead."""
    path = twiml(tmp_path, RELATIVE)
    for options, url in (
        ((), None),
        (("--base-url", "https://a.example/v/x"), "wss://a.example/v/media"),
        (("--base-url", "http://a.example/v/x"), "wss://a.example/v/media"),
        (("--base-url", "http://a.example/v/x", "--local"), "ws://a.example/v/media"),
    ):
        ran = await lint(path, "--json", *options)
        assert ran.codes == [[]]
        assert ran.records[0]["streams"][0]["connect_url"] == url


async def test_local_allows_plain_sockets(tmp_path: Path) -> None:
    """And nothing else does."""
    path = twiml(tmp_path, SPOILT)
    assert (await lint(path, "--json")).codes == [[31922]]
    ran = await lint(path, "--json", "--local")
    assert ran.codes == [[]]
    assert ran.records[0]["streams"][0]["connect_url"] == "ws://c.example/"


@pytest.mark.contract("T15", "T19")
async def test_limits(tmp_path: Path) -> None:
    """Each way that TwiML reaches Twilio has its bounds."""
    long = twiml(tmp_path, f"<Response><Say>{'x' * 5000}</Say></Response>", "a.xml")
    longer = twiml(tmp_path, f"<Response><Say>{'x' * 70000}</Say></Response>", "b.xml")
    action = twiml(tmp_path, '<Response><Dial action="/x">1</Dial></Response>', "c.xml")
    for limits, codes in (
        ("fetched", [[], [11750], []]),
        ("inline", [[32018], [32018], []]),
        ("live-update", [[32018], [32018], [15004]]),
    ):
        ran = await lint(long, longer, action, "--json", "--limits", limits)
        assert ran.codes == codes


# Terminals


async def test_colours(tmp_path: Path) -> None:
    """On a terminal, unless NO_COLOR is set or it is a dumb one."""
    path = twiml(tmp_path, SPOILT)
    assert "\x1b[31m" in await on_a_terminal(path, out=True)
    for env in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        shown = await on_a_terminal(path, out=True, **env)
        assert f"{path}:2:18 error 31922" in shown
        assert "\x1b" not in shown
    assert "\x1b" not in await on_a_terminal(path)


@pytest.mark.parametrize("options", [(), ("--json",)])
async def test_the_progress_bar(tmp_path: Path, options: tuple[str, ...]) -> None:
    """It counts on a terminal, is wiped away at the end, and stands in no finding's way."""
    folder = _many(tmp_path, 300)
    shown = await on_a_terminal(folder, "/missing", *options, out=True)
    assert "0/300" in shown
    lines = [line.split("\x1b[K")[-1] for line in shown.replace("\r\n", "\n").split("\n")]
    findings = [line for line in lines if str(folder) in line]
    assert len(findings) == (300 if options else 200)
    assert all(line.startswith(("{", str(folder))) for line in findings)
    assert "twiml-bridge: /missing: no such file or directory" in lines
    assert "300/" not in lines[-2]


async def test_no_progress_bar_elsewhere(tmp_path: Path) -> None:
    """Nor for one document."""
    assert (await lint(_many(tmp_path, 300))).err == "300 files, 100 errors, 100 warnings\n"
    assert "1/1" not in await on_a_terminal(twiml(tmp_path))


# URLs


@pytest.mark.contract("T91")
async def test_a_url_is_asked_as_twilio_asks() -> None:
    """By POST or GET, with the standard parameters of a new call, signed; each its own call."""
    async with web_app(response(200, CLEAN.encode(), XML)) as app:
        url = app.url("/voice?a=1")
        ran = await lint(url, url, "--json")
        assert (ran.status, ran.codes) == (0, [[], []])
        await lint(url, "--method", "get")
    posted, again, got = app.requests
    assert (posted.method, got.method) == ("POST", "GET")
    form = dict(parse_qsl(posted.body.decode(), keep_blank_values=True))
    names = {"CallSid", "AccountSid", "From", "To", "CallStatus", "ApiVersion", "Direction"}
    assert names <= set(form)
    assert form["CallStatus"] == "ringing"
    assert posted.body != again.body
    validator = RequestValidator(LOCAL_AUTH_TOKEN)
    assert validator.validate(url, form, posted.header("X-Twilio-Signature"))
    assert validator.validate(app.url(got.target), {}, got.header("X-Twilio-Signature"))


async def test_the_settings_sign(tmp_path: Path) -> None:
    """TWIML_BRIDGE_AUTH_TOKEN is the token, from the environment."""
    async with web_app(response(200, CLEAN.encode(), XML)) as app:
        url = app.url("/voice")
        await lint(url, TWIML_BRIDGE_AUTH_TOKEN="secret")
    form = dict(parse_qsl(app.requests[0].body.decode(), keep_blank_values=True))
    signature = app.requests[0].header("X-Twilio-Signature")
    assert RequestValidator("secret").validate(url, form, signature)


async def test_a_urls_relative_urls() -> None:
    """They are read against where the document was found, or where it is said to come from."""
    xml = RELATIVE.encode()
    moved = response(302, b"", "Location: /a/voice")
    async with web_app(moved, response(200, xml, XML)) as app:
        host = app.origin.removeprefix("http://")
        (first,) = (await lint(app.url("/"), "--json")).records
        (second,) = (await lint(app.url("/"), "--json", "--local")).records
        (third,) = (await lint(app.url("/"), "--json", "--base-url", "https://b.example/")).records
    assert [record["streams"][0]["connect_url"] for record in (first, second, third)] == [
        f"wss://{host}/a/media",
        f"ws://{host}/media",
        "wss://b.example/media",
    ]
    assert first["file"] == app.url("/")


@pytest.mark.contract("T15", "T16", "T17", "T18")
async def test_answers() -> None:
    """The content type decides what an answer is; one that is none has Twilio's number."""
    cases: list[tuple[bytes, str, list[int]]] = [
        (response(200, SPOILT.encode(), XML), "error", [31922]),
        (response(200, CLEAN.encode(), "Content-Type: text/plain"), "accept", []),
        (response(200, b"Hello", "Content-Type: text/plain"), "warn", [12200]),
        (response(200, b"ID3", "Content-Type: audio/mpeg"), "accept", []),
        (response(200, b"{}", "Content-Type: application/json"), "error", [12300]),
        (response(200, CLEAN.encode()), "error", [12300]),
        (response(200, b"x" * 70_000, XML), "error", [11750]),
        (response(200, b"", XML), "error", [12100]),
        (response(404, CLEAN.encode(), XML), "error", [11200]),
        (response(500), "error", [11200]),
    ]
    async with web_app(*(case[0] for case in cases)) as app:
        ran = await lint(*[app.url(f"/{n}") for n in range(len(cases))], "--json")
    seen = [(record["verdict"], record["codes"]) for record in ran.records]
    assert seen == [case[1:] for case in cases]
    assert ran.records[-1]["diagnostics"] == [
        {
            "severity": "error",
            "code": 11200,
            "line": 0,
            "column": 0,
            "message": f"The app gives no document: {app.url('/9')} answered HTTP 500.",
            "advice": "Answer with status 200 and TwiML.",
        }
    ]


async def test_apps_out_of_reach() -> None:
    """Each failure is a finding with Twilio's number, and the next URL is asked all the same."""
    async with (
        web_app(response(302, b"", "Location: /")) as turning,
        web_app(response(200), tls=Authority().server("127.0.0.1")) as untrusted,
        web_app(None) as silent,
        web_app(response(200, CLEAN.encode(), XML)) as app,
    ):
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            urls = (
                turning.url("/"),
                untrusted.url("/"),
                silent.url("/"),
                f"http://127.0.0.1:{closed.getsockname()[1]}/",
                "http://nobody.invalid/",
                "http://[::1/",
                "https:///",
                app.url("/"),
            )
            ran = await lint(*urls, "--json")
    assert ran.codes == [[11215], [11220], [11200], [11205], [11210], [11210], [11210], []]
    assert [record["file"] for record in ran.records] == list(urls)
    assert all(found["advice"] for record in ran.records for found in record["diagnostics"])
    assert ran.status == 1


async def test_an_app_that_answers_too_late() -> None:
    """The URL's own time limit holds: 11203."""

    async def never(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with tcp_server(never) as port:
        ran = await lint(f"http://127.0.0.1:{port}/#tt=100", "--json")
    assert ran.codes == [[11203]]


async def test_an_interrupt_while_an_app_is_asked() -> None:
    """Ctrl-C ends that quietly too."""
    asked = asyncio.Event()

    async def never(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        asked.set()
        await reader.read()

    async with tcp_server(never) as port:
        process = await start("lint", f"http://127.0.0.1:{port}/")
        await asked.wait()
        process.send_signal(signal.SIGINT)
        assert await process.communicate() == (b"", b"")
    assert process.returncode == 130


async def test_bad_settings(tmp_path: Path) -> None:
    """They are misuse where they are needed: to ask a URL, not to read a file."""
    bad = {"TWIML_BRIDGE_CA_FILE": str(tmp_path / "missing.pem"), "TWIML_BRIDGE_PORT": "x"}
    assert (await lint(twiml(tmp_path), **bad)).status == 0
    for name, value in bad.items():
        ran = await lint("http://127.0.0.1:1/", **{name: value})
        assert (ran.status, ran.out) == (2, "")
        assert name in ran.err
