"""Hostile documents are refused, or read, within bounds that the kernel holds."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.twiml.hostile import READ, REFUSED
from twiml.document import FETCHED
from twiml.parser import parse
from twiml.response import read_response

ROOT = Path(__file__).parents[2]

bounded = pytest.mark.skipif(sys.platform != "linux", reason="bounds are set as Linux has them")


def read_in_bounds(name: str) -> dict[str, Any]:
    """What a process of its own says of a document, having taken no more than it may."""
    result = subprocess.run(
        [sys.executable, "-m", "tests.twiml.hostile", name],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, f"killed or failed ({result.returncode}): {result.stderr[-800:]}"
    return dict(json.loads(result.stdout))


@bounded
@pytest.mark.contract("T9", "T15")
@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    """12100 for what cannot be parsed, 11750 or 32018 for what is too large; nothing runs."""
    found = read_in_bounds(name)
    assert found["codes"] in ([12100], [11750])
    assert not found["usable"]
    assert set(found["inline"]) <= {12100, 32018}
    assert set(found["live"]) <= {12100, 32018}


@bounded
@pytest.mark.parametrize("name", READ)
def test_read(name: str) -> None:
    """Whatever its shape, a document of 64 kB is read, with a bounded list of findings."""
    found = read_in_bounds(name)
    assert found["usable"]
    assert found["findings"] <= FETCHED.max_findings + 1
    assert found["live"] in ([32018], [12200], [])


@pytest.mark.contract("T9")
@pytest.mark.parametrize(
    "document",
    [
        '<!DOCTYPE Response SYSTEM "{url}"><Response/>',
        '<!DOCTYPE Response PUBLIC "-//x" "{url}"><Response/>',
        '<!DOCTYPE x [<!ENTITY e SYSTEM "{url}">]><Response><Say>&e;</Say></Response>',
        '<!DOCTYPE x [<!ENTITY % e SYSTEM "{url}"> %e;]><Response/>',
        '\ufeff\ufeff<!DOCTYPE x [<!ENTITY % e SYSTEM "{url}"> %e;]><Response/>',
        '<Response><i:include xmlns:i="http://www.w3.org/2001/XInclude" href="{url}"/></Response>',
        '<?xml-stylesheet type="text/xsl" href="{url}"?><Response/>',
        '<Response xmlns:x="urn:x" x:noNamespaceSchemaLocation="{url}"/>',
        '<Response xmlns="{url}"/>',
        '<Response xml:base="{url}"><Play>x</Play></Response>',
        '<Response><Start><Stream url="{url}" statusCallback="{url}"/></Start></Response>',
    ],
)
def test_nothing_is_fetched(document: str) -> None:
    """No document makes its reader connect anywhere, however it asks for it."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        url = f"http://127.0.0.1:{server.getsockname()[1]}/x"
        text = document.replace("{url}", url)
        for data in (text, text.encode()):
            parse(data, base_url=url)
            read_response("text/plain", text.encode(), url)
        with pytest.raises(BlockingIOError):
            server.accept()


def test_no_file_is_read(tmp_path: Path) -> None:
    """Nor does one read a file for its writer."""
    secret = tmp_path / "secret"
    secret.write_text("the secret", encoding="utf-8")
    for entity in (f'SYSTEM "{secret}"', f'SYSTEM "{secret.as_uri()}"'):
        document = f"<!DOCTYPE x [<!ENTITY e {entity}>]><Response><Say a='&e;'>&e;</Say></Response>"
        for data in (document, f"\ufeff\ufeff{document}"):
            assert "the secret" not in str(parse(data))


@bounded
def test_the_bounds_are_held() -> None:
    """A process that takes more is killed: these tests can fail."""
    for greedy in ("bytes(1 << 30)", "sum(range(1 << 40))"):
        code = f"from tests.twiml.hostile import bound; bound(1); {greedy}"
        result = subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=False
        )
        assert result.returncode != 0
