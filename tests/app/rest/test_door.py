"""Everything under Twilio's base answers in Twilio's form, whatever goes wrong."""

from __future__ import annotations

import httpx
import pytest
import sqlalchemy as sa

from app.settings import LOCAL_AUTH_TOKEN
from tests.app.rest.twilio_client import ACCOUNT, Twilio
from tests.app.running import client_of


async def asked(twilio: Twilio, method: str, path: str, **more: object) -> httpx.Response:
    async with client_of(twilio.server) as client:
        auth = (ACCOUNT, LOCAL_AUTH_TOKEN)
        return await client.request(method, path, auth=auth, **more)  # type: ignore[arg-type]


def number(answer: httpx.Response) -> tuple[int, int]:
    """Status and number of an answer that has exactly the members of Twilio's errors."""
    value = answer.json()
    assert set(value) == {"code", "message", "more_info", "status"}
    assert value["status"] == answer.status_code
    assert value["more_info"] == f"https://www.twilio.com/docs/errors/{value['code']}"
    return answer.status_code, value["code"]


@pytest.mark.parametrize(
    "path",
    [
        "/2010-04-01/",
        "/2010-04-01/Accounts.json",
        f"/2010-04-01/Accounts/{ACCOUNT}.json",
        f"/2010-04-01/Accounts/{ACCOUNT}",
        f"/2010-04-01/Accounts/{ACCOUNT}/",
        f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json",
    ],
)
async def test_what_is_not_there(twilio: Twilio, path: str) -> None:
    """Any path under the base that is nothing here is 20404."""
    assert number(await asked(twilio, "GET", path)) == (404, 20404)


async def test_the_librarys_account(twilio: Twilio) -> None:
    """What the library asks of its account is refused with a number that it understands."""
    for work in (
        lambda client: client.api.accounts(ACCOUNT).fetch(),
        lambda client: client.api.accounts.create(),
        lambda client: client.messages.create(to="+1", from_="+2", body="hello"),
    ):
        assert await twilio.refusal(work) == (404, 20404)


async def test_bodies_and_methods(twilio: Twilio) -> None:
    """A body that is no form, and a method that is none of REST's."""
    path = f"/2010-04-01/Accounts/{ACCOUNT}/Calls.json"
    assert number(await asked(twilio, "POST", path, json={"To": "+1"})) == (415, 20001)
    assert number(await asked(twilio, "OPTIONS", path)) == (405, 20004)


async def test_a_database_that_fails(twilio: Twilio, capsys: pytest.CaptureFixture[str]) -> None:
    """A table that is gone: 503 with 20503, and the log says what to see to, without a trace."""
    with twilio.server.service.store.engine.begin() as connection:
        connection.execute(sa.text("DROP TABLE recordings"))
    assert await twilio.refusal(lambda client: client.recordings("RE" + "1" * 32).fetch()) == (
        503,
        20503,
    )
    log = capsys.readouterr().out
    assert "the database does not answer" in log
    assert "Traceback" not in log


async def test_a_fault_of_ours(twilio: Twilio, monkeypatch: pytest.MonkeyPatch) -> None:
    """What nobody has foreseen is 500 with 20500; other doors are not Twilio's and stay as they
    are."""

    async def fail(*_: object, **__: object) -> None:
        raise RuntimeError("broken on purpose")

    monkeypatch.setattr(twilio.server.service.store, "find", fail)
    assert await twilio.refusal(lambda client: client.calls("CA" + "1" * 32).fetch()) == (
        500,
        20500,
    )
    elsewhere = await asked(twilio, "GET", "/nothing")
    assert (elsewhere.status_code, elsewhere.json()) == (404, {"detail": "Not Found"})
