"""Whom the public token of local mode lets in: programs of this machine, and nobody else."""

from __future__ import annotations

import pytest

from app.settings import LOCAL_AUTH_TOKEN
from tests.app.rest.twilio_client import ACCOUNT
from tests.app.running import client_of, serving

KEY, SECRET = "SK" + "b" * 32, "key-secret"
ELSEWHERE = [
    {"X-Forwarded-For": "203.0.113.7"},
    {"Host": "rebound.example"},
    {"Host": ""},
    {"Origin": "https://elsewhere.example"},
]
"""A proxy's client, a page that has pointed its own name here, and a form on a page elsewhere."""


async def asked(headers: dict[str, str], user: str, password: str, **settings: object) -> int:
    async with serving(**settings) as server, client_of(server) as client:
        answer = await client.get(
            f"/2010-04-01/Accounts/{ACCOUNT}/Calls.json", auth=(user, password), headers=headers
        )
        if answer.status_code != 200:
            assert answer.json()["code"] == 20003
        return answer.status_code


@pytest.mark.parametrize("headers", ELSEWHERE)
async def test_the_public_token_from_elsewhere(headers: dict[str, str]) -> None:
    """It is refused; a token of the operator's own, or a key, is good from anywhere."""
    assert await asked(headers, ACCOUNT, LOCAL_AUTH_TOKEN) == 401
    assert await asked(headers, ACCOUNT, "own", auth_token="own") == 200
    assert await asked(headers, KEY, SECRET, api_keys=f"{KEY}:{SECRET}") == 200


@pytest.mark.parametrize("host", ["localhost:1", "127.0.0.1", "[::1]:8", "a.localhost", "my-mac"])
async def test_the_public_token_from_here(host: str) -> None:
    """This machine's own names and addresses are no names of other sites."""
    settings = {"public_url": "http://my-mac:8000"}
    assert await asked({"Host": host}, ACCOUNT, LOCAL_AUTH_TOKEN, **settings) == 200


@pytest.mark.parametrize("headers", ELSEWHERE)
async def test_timelines_from_elsewhere(headers: dict[str, str]) -> None:
    """So are `/calls`, which show numbers, without the operator's token."""
    async with serving() as server, client_of(server) as client:
        assert (await client.get("/calls", headers=headers)).status_code == 403
        assert (await client.get("/calls")).status_code == 200
