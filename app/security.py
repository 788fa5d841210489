"""Who may call us: SignalWire's signatures, and the tokens in our own URLs."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import struct
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar
from urllib.parse import urlsplit, urlunsplit

from bridge.signature import sign

JSON_SIGNATURES = {"x-signalwire-signature": "sha1", "x-signalwire-sha256-signature": "sha256"}
"""The headers that sign a JSON webhook, and the hash of each."""

_STANDARD_PORTS = {"https": 443, "http": 80}


def verify_form(
    keys: Iterable[str], url: str, form: Iterable[tuple[str, str]], signature: str
) -> bool:
    """Whether SignalWire signed this form webhook with one of the keys (S section 2.5).

    The URL is tried with and without the standard port, as SignalWire's validators do.
    """
    fields = tuple(form)
    return any(
        hmac.compare_digest(sign(key, form_of_url, fields).encode(), signature.encode())
        for key in keys
        for form_of_url in _with_and_without_port(url)
    )


def verify_json(keys: Iterable[str], url: str, body: bytes, headers: Mapping[str, str]) -> bool:
    """Whether SignalWire signed this JSON webhook with one of the keys (S section 1.5).

    Of its two signatures, in hex, one is enough; none that is there may be wrong, and both come
    from one key. `headers` have lower-case names, or ignore case. What signs leaves user and
    password out of the URL; the standard port may be in it or not.
    """
    signatures = [
        (digest, headers[name]) for name, digest in JSON_SIGNATURES.items() if name in headers
    ]
    return bool(signatures) and any(
        all(_is_hmac(key, form_of_url.encode() + body, *signature) for signature in signatures)
        for key in keys
        for form_of_url in _with_and_without_port(_without_user(url))
    )


def _is_hmac(key: str, text: bytes, digest: str, signature: str) -> bool:
    expected = hmac.new(key.encode(), text, digest).hexdigest()
    return hmac.compare_digest(expected.encode(), signature.encode())


def _without_user(url: str) -> str:
    """A URL without user and password."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def _with_and_without_port(url: str) -> set[str]:
    parts = urlsplit(url)
    host = parts.hostname or ""
    host = f"[{host}]" if ":" in host else host
    forms = {url}
    port = _STANDARD_PORTS.get(parts.scheme)
    if parts.port == port:
        forms.add(urlunsplit(parts._replace(netloc=host)))
    elif parts.port is None:
        forms.add(urlunsplit(parts._replace(netloc=f"{host}:{port}")))
    return forms


Payload = TypeVar("Payload")


class TokenError(Exception):
    """A token that is forged, for another purpose, expired, used up or unknown."""


@dataclass(slots=True)
class _Issued(Generic[Payload]):
    purpose: str
    call_sid: str
    payload: Payload
    once: bool
    expires: float


@dataclass(slots=True)
class Tokens(Generic[Payload]):
    """Opaque tokens for URL paths: signed, expiring, each for one purpose.

    A token is 12 random bytes and an expiry time with their HMAC over the purpose; what it stands
    for is kept here. `lifetime` is in seconds, `clock` gives seconds since the epoch. `mark`, a few
    bytes, stands for the first of the random ones, and tells the tokens of those apart who share
    the secret.
    """

    secret: bytes
    lifetime: float
    clock: Callable[[], float] = time.time
    mark: bytes = b""
    _issued: dict[bytes, _Issued[Payload]] = field(default_factory=dict)
    _of_call: dict[str, set[bytes]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self._issued)

    def issue(self, purpose: str, call_sid: str, payload: Payload, *, once: bool = False) -> str:
        """A fresh token (43 characters of base64url). `once`: the first redeeming uses it up."""
        key = self.mark + secrets.token_bytes(12 - len(self.mark))
        expires = int(self.clock() + self.lifetime)
        body = key + struct.pack(">I", expires)
        self._issued[key] = _Issued(purpose, call_sid, payload, once, expires)
        self._of_call.setdefault(call_sid, set()).add(key)
        return base64.urlsafe_b64encode(body + self._mac(purpose, body)).rstrip(b"=").decode()

    def redeem(self, purpose: str, token: str) -> Payload:
        """What a token stands for; raises TokenError."""
        body = self._body(purpose, token)
        issued = self._issued.get(body[:12])
        if issued is None:
            raise TokenError("the token has been used, or its call is over")
        if self.clock() > issued.expires:
            self._drop(body[:12])
            raise TokenError("the token has expired")
        if issued.once:
            self._drop(body[:12])
        return issued.payload

    def made_for(self, purpose: str, token: str) -> bool:
        """Whether we made a token for this, be it good still or not."""
        try:
            self._body(purpose, token)
        except TokenError:
            return False
        return True

    def mark_of(self, purpose: str, token: str) -> bytes:
        """The mark of whoever issued a token; raises TokenError when none of us did for this."""
        return self._body(purpose, token)[: len(self.mark)]

    def bearer(self, token: str) -> str:
        """A second secret that belongs to a token, for an Authorization header."""
        return hmac.new(self.secret, b"bearer " + token.encode(), hashlib.sha256).hexdigest()

    def retire(self, call_sid: str, *, spare: Collection[str] = (), grace: float = 0.0) -> None:
        """A call is over: forget its tokens; those of `spare` purposes live `grace` seconds on."""
        latest = self.clock() + grace
        for key in tuple(self._of_call.get(call_sid, ())):
            issued = self._issued[key]
            if issued.purpose in spare:
                issued.expires = min(issued.expires, latest)
            else:
                self._drop(key)

    def purge(self) -> None:
        """Forget the tokens that have expired."""
        now = self.clock()
        for key in [key for key, issued in self._issued.items() if issued.expires < now]:
            self._drop(key)

    def _body(self, purpose: str, token: str) -> bytes:
        """What a token says; raises TokenError when it is not ours."""
        try:
            raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
        except ValueError as error:
            raise TokenError("not a token") from error
        body, mac = raw[:16], raw[16:]
        if len(raw) != 32 or not hmac.compare_digest(mac, self._mac(purpose, body)):
            raise TokenError("the token is not ours, or not for this")
        return body

    def _drop(self, key: bytes) -> None:
        issued = self._issued.pop(key)
        keys = self._of_call[issued.call_sid]
        keys.discard(key)
        if not keys:
            del self._of_call[issued.call_sid]

    def _mac(self, purpose: str, body: bytes) -> bytes:
        text = purpose.encode() + b"\0" + body
        return hmac.new(self.secret, text, hashlib.sha256).digest()[:16]
