"""The short way of reading a carrier's frame gives what the parser would."""

from __future__ import annotations

import base64

from hypothesis import given
from hypothesis import strategies as st

from bridge.dialects import signalwire

PAYLOAD = base64.b64encode(bytes(range(160))).decode()
FRAMES = (
    (
        '{"event":"media","sequenceNumber":"42","media":{"track":"inbound","chunk":"1",'
        f'"timestamp":"20","payload":"{PAYLOAD}"}}}}'
    ),
    (
        '{"event":"media","sequenceNumber":"42","streamSid":"7d56-é","media":{"track":"outbound",'
        f'"chunk":"1","timestamp":"20","payload":"{PAYLOAD}"}}}}'
    ),
    (
        '{"event":"media","sequenceNumber":"42","media":{"track":"outbound","chunk":"1",'
        f'"timestamp":"999999","payload":"{PAYLOAD}"}},"streamSid":"7d56"}}'
    ),
)


@given(
    st.sampled_from(FRAMES),
    st.integers(0, 500),
    st.one_of(
        st.sampled_from([b"", b'"', b"\\", b" ", b"=", b"0", b'","track":"outbound', b"}", b"{"]),
        st.binary(max_size=3),
    ),
    st.integers(0, 30),
)
def test_a_frame_is_cut_out_as_the_parser_would(
    message: str, at: int, piece: bytes, gone: int
) -> None:
    """What the pattern finds is what the parser reads: a track, a time, 160 bytes in base64."""
    data = message.encode()
    at %= len(data)
    for tried in (data, data[:at] + piece + data[at + gone :]):
        found = signalwire.frame_in(tried)
        if found is not None:
            track, timestamp, payload = found.groups()
            read = signalwire.decode(tried)
            assert read == signalwire.Media(track.decode(), int(timestamp), payload)
            audio = base64.b64decode(payload, validate=True)
            assert len(audio) == 160
            assert base64.b64encode(audio) == payload


def test_frames_of_the_documented_form_are_found() -> None:
    """The carrier's own form takes the short way, with and without a streamSid."""
    assert [signalwire.frame_in(message.encode()) is not None for message in FRAMES] == [
        *(True, False, True)
    ]
