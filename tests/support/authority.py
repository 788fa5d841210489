"""A certificate authority of the tests' own, by `trustme`."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field

import trustme


@dataclass(frozen=True, slots=True)
class Authority:
    """Certifies servers; only the clients made here trust it."""

    ca: trustme.CA = field(default_factory=trustme.CA)

    def server(self, *names: str) -> ssl.SSLContext:
        """What a server needs that is certified for these names."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.ca.issue_cert(*names).configure_cert(context)
        return context

    def client(self) -> ssl.SSLContext:
        """What a client needs that trusts this authority beside the system's."""
        context = ssl.create_default_context()
        self.ca.configure_trust(context)
        return context
