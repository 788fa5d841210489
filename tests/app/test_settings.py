"""Settings: where they come from, what is refused, what is made of them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from app.settings import LOCAL_AUTH_TOKEN, Settings, SettingsError, load
from bridge.limits import StreamLimits

LIVE = {"public_url": "https://bridge.example.com", "auth_token": "token"}


def test_local_mode_needs_nothing_else() -> None:
    """In local mode every setting has a default that works on a laptop."""
    settings = load(local=True)
    assert settings.base_url == "http://127.0.0.1:8000"
    assert settings.signing_token == LOCAL_AUTH_TOKEN
    assert settings.signing_keys == ()


def test_a_live_service_needs_its_address_and_a_token() -> None:
    """Outside local mode all that is missing is named at once, with the way out."""
    with pytest.raises(SettingsError) as caught:
        load()
    for word in ("TWIML_BRIDGE_PUBLIC_URL", "TWIML_BRIDGE_AUTH_TOKEN", "--local"):
        assert word in str(caught.value)
    assert load(**LIVE).base_url == "https://bridge.example.com"


@pytest.mark.parametrize("url", ["http://b.example.com", "b.example.com", "https://", "https:///x"])
def test_the_public_address_is_https_with_a_host(url: str) -> None:
    """SignalWire reaches a live service by TLS; anything else is refused at the start."""
    with pytest.raises(SettingsError, match="TWIML_BRIDGE_PUBLIC_URL must begin with https://"):
        load(**{**LIVE, "public_url": url})


def test_the_environment_wins_over_the_file_and_the_command_line_over_both(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of `.env`, the environment and an option, the later in this order stands."""
    Path(".env").write_text(
        "TWIML_BRIDGE_LOCAL=true\nTWIML_BRIDGE_PORT=1\nTWIML_BRIDGE_HOST=192.0.2.1\n"
        "TWIML_BRIDGE_MAX_CALLS=3\nOTHER=1\n"
    )
    monkeypatch.setenv("TWIML_BRIDGE_PORT", "2")
    monkeypatch.setenv("twiml_bridge_host", "192.0.2.2")
    settings = load(host="192.0.2.3")
    assert (settings.local, settings.max_calls) == (True, 3)
    assert (settings.port, settings.host) == (2, "192.0.2.3")


def test_an_option_that_is_not_given_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """None on the command line leaves what the environment says."""
    monkeypatch.setenv("TWIML_BRIDGE_PORT", "2")
    assert load(local=True, port=None).port == 2


def test_each_fault_has_a_line_of_its_own_and_shows_no_value() -> None:
    """Several wrong settings are told together, by their names, without what was written."""
    with pytest.raises(SettingsError) as caught:
        load(local=True, port="p4ssw0rd", max_calls=0, account_sid="AC12")
    lines = str(caught.value).splitlines()
    names = ["TWIML_BRIDGE_PORT", "TWIML_BRIDGE_MAX_CALLS", "TWIML_BRIDGE_ACCOUNT_SID"]
    assert [line.partition(":")[0] for line in lines] == names
    assert "p4ssw0rd" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "within", "beyond"),
    [
        ("port", 0, -1),
        ("port", 65535, 65536),
        ("max_calls", 1, 0),
        ("call_hours", 24, 24.001),
        ("call_hours", 0.001, 0),
        ("shutdown_seconds", 0.001, 0),
        ("request_seconds", 300, 300.001),
        ("request_seconds", 0.001, 0),
        ("stream_connect_seconds", 30, 30.001),
        ("stream_connect_seconds", 0.001, 0),
        ("stream_close_seconds", 30, 30.001),
        ("stream_message_bytes", 1024, 1023),
        ("stream_unsent_bytes", 4096, 4095),
        ("carrier_messages_per_second", 200, 199),
        ("carrier_idle_seconds", 0.001, 0),
        ("rtp_host", "203.0.113.7", "bridge.example.com"),
        ("rtp_host", "", "::1"),
        ("rtp_bind", "0.0.0.0", ""),
        ("rtp_ports", "1024-65535", "1023-65535"),
        ("rtp_ports", "40000-40000", "40001-40001"),
        ("rtp_ports", "65534-65535", "65534-65536"),
        ("rtp_ports", "40001-40002", "40002-40001"),
        ("rtp_ports", "40000-40100", "40000"),
        ("rtp_jitter_ms", 0, -1),
        ("rtp_jitter_ms", 1000, 1001),
        ("account_sid", "AC" + "0a" * 16, "AC" + "0A" * 16),
        ("account_sid", "", "AC" + "0" * 33),
        ("voice_method", "GET", "PUT"),
        ("log_level", "debug", "loud"),
    ],
)
def test_bounds(name: str, within: object, beyond: object) -> None:
    """A value at its bound is taken, the next one is refused by name."""
    assert getattr(load(**{"local": True, name: within}), name) == within
    with pytest.raises(SettingsError, match=f"^TWIML_BRIDGE_{name.upper()}: "):
        load(**{"local": True, name: beyond})


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ({"host": "0.0.0.0", "port": 9}, "http://127.0.0.1:9"),
        ({"host": "::", "port": 9}, "http://127.0.0.1:9"),
        ({"host": "::1", "port": 9}, "http://[::1]:9"),
        ({"host": "192.0.2.1", "port": 9}, "http://192.0.2.1:9"),
        ({"public_url": "https://b.example.com/tb/"}, "https://b.example.com/tb"),
    ],
)
def test_base_url(given: dict[str, object], url: str) -> None:
    """Our own address is the public one, or else where we listen, without a slash at the end."""
    assert load(local=True, **given).base_url == url


def test_rtp_is_for_an_address_of_the_internet() -> None:
    """Outside local mode SignalWire must be able to reach the address that it is told."""
    with pytest.raises(SettingsError, match="TWIML_BRIDGE_RTP_HOST to an address that the inter"):
        load(**LIVE, rtp_host="10.0.0.5")
    assert load(**LIVE, rtp_host="8.8.8.8").rtp_host == "8.8.8.8"
    assert load(local=True, rtp_host="127.0.0.1").rtp_host == "127.0.0.1"


def test_rtp_ports() -> None:
    """Both ends of the range belong to it."""
    assert load(local=True, rtp_ports="40000-40003").rtp_range == range(40000, 40004)


def test_workers() -> None:
    """A number within bounds, or auto for the cores that may be used; one by default."""
    assert load(local=True).worker_count == 1
    assert load(local=True, workers="64").worker_count == 64
    assert load(local=True, workers="auto").worker_count == len(os.sched_getaffinity(0))
    for wrong in ("0", "65", "-1", "1.5", "", "all", "007"):
        with pytest.raises(SettingsError, match="from 1 to 64, or auto"):
            load(local=True, workers=wrong)


def test_signing_keys() -> None:
    """During a rotation two keys are valid, the current one first; one alone may be either."""
    current, previous = "signalwire_signing_key", "signalwire_signing_key_previous"
    assert load(local=True, **{current: "new", previous: "old"}).signing_keys == ("new", "old")
    assert load(local=True, **{previous: "old"}).signing_keys == ("old",)


def test_secrets_are_never_printed() -> None:
    """Neither the text nor the representation of settings shows a secret."""
    secrets = [name for name, field in Settings.model_fields.items() if "Secret" in repr(field)]
    assert set(secrets) == {
        "api_keys",
        "auth_token",
        "database_url",
        "signalwire_token",
        "signalwire_signing_key",
        "signalwire_signing_key_previous",
        "operator_token",
    }
    given = {**dict.fromkeys(secrets, "hush"), "api_keys": f"SK{'1' * 32}:hush"}
    settings = load(local=True, **given)
    for text in (repr(settings), str(settings), repr(settings.model_dump())):
        assert "hush" not in text


def test_limits() -> None:
    """Streams have the settings' limits; frames wait for as long as a connect may take."""
    assert load(local=True).limits == StreamLimits(waiting_frames=501)
    limits = load(
        local=True,
        stream_connect_seconds=1,
        stream_close_seconds=2,
        stream_message_bytes=4096,
        stream_unsent_bytes=5000,
        stream_messages_per_second=300,
        carrier_messages_per_second=200,
        carrier_idle_seconds=6,
        rtp_jitter_ms=100,
    ).limits
    assert limits == StreamLimits(
        connect_time=1,
        close_time=2,
        message_size=4096,
        unsent_size=5000,
        waiting_frames=101,
        message_rate=300,
        carrier_rate=200,
        carrier_idle=6,
        reorder_time=0.1,
    )


def test_the_rest_of_signalwire() -> None:
    """A space is a host, with or without the domain that all have; a local stand-in by http."""
    given = {"signalwire_project": "p", "signalwire_token": "t"}
    for space, url in (
        ("", ""),
        ("example", "https://example.signalwire.com"),
        ("example.signalwire.com", "https://example.signalwire.com"),
        ("http://127.0.0.1:99", "http://127.0.0.1:99"),
    ):
        assert load(local=True, signalwire_space=space, **given).signalwire_url == url
    with pytest.raises(SettingsError, match="set TWIML_BRIDGE_SIGNALWIRE_PROJECT"):
        load(local=True, signalwire_space="example")
    with pytest.raises(SettingsError, match="by https only"):
        load(**LIVE, **given, signalwire_space="http://example.com")
    with pytest.raises(SettingsError, match="TWIML_BRIDGE_SIGNALWIRE_SPACE: write the space's"):
        load(local=True, signalwire_space="https://a/b", **given)


def test_api_keys() -> None:
    """Keys are pairs of sid and secret; one that is none is refused without being shown."""
    one, two = "SK" + "1" * 32, "SK" + "2" * 32
    assert load(local=True, api_keys=f"{one}:a:b, {two}:c").keys == {one: "a:b", two: "c"}
    assert load(local=True).keys == {}
    with pytest.raises(SettingsError) as caught:
        load(local=True, api_keys="SK1:p4ssw0rd")
    assert "TWIML_BRIDGE_API_KEYS" in str(caught.value)
    assert "p4ssw0rd" not in str(caught.value)


def test_the_database_url_is_not_shown() -> None:
    """Its password is in no form of the settings that could be printed."""
    settings = load(local=True, database_url="postgresql://u:p4ssw0rd@h/d")
    assert "p4ssw0rd" not in repr(settings) + settings.model_dump_json()
