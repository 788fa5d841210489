"""Who may use the REST door: Basic auth, with the account's token or an API key (T section 11)."""

from __future__ import annotations

import base64
import binascii
import hmac
import re

from fastapi import Request

from app.settings import LOCAL_AUTH_TOKEN, Settings
from app.telephony.orders import Refusal
from app.webhooks.trust import is_local

_ACCOUNT = re.compile(r"AC[0-9a-fA-F]{32}")


def require_account(settings: Settings, request: Request, account: str) -> None:
    """Refuse (401, 20003) whoever does not know the account's token or a key.

    The token of local mode, which is public, is good for programs of this machine only.
    With no account's sid set, any that is well-formed stands for the one customer of this service.
    """
    user, password = _credentials(request)
    if user.startswith("SK"):
        expected = settings.keys.get(user, "")
    else:
        expected = settings.signing_token if user == account else ""
    known = hmac.compare_digest(password.encode(), expected.encode())
    ours = settings.account_sid in ("", account) and _ACCOUNT.fullmatch(account) is not None
    if not (known and expected and ours):
        raise Refusal(401, 20003, "Authenticate")
    if expected == LOCAL_AUTH_TOKEN and not is_local(settings, request):
        raise Refusal(
            401,
            20003,
            "Authenticate: the token that everybody knows is for this machine only; set"
            " TWIML_BRIDGE_AUTH_TOKEN",
        )


def _credentials(request: Request) -> tuple[str, str]:
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return "", ""
    try:
        user, _, password = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return user, password
