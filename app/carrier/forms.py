"""Orders as the fields of SignalWire's compatibility REST, which are Twilio's. Pure."""

from __future__ import annotations

from app.telephony.orders import MachineDetection, NewRecording, ParticipantChange, Source

FormFields = tuple[tuple[str, str], ...]


def recording_fields(order: NewRecording) -> FormFields:
    """How to record. The callback is ours by now, so it is posted to."""
    return _given(
        {
            "RecordingChannels": order.channels,
            "Trim": order.trim,
            "RecordingTrack": order.track,
            "RecordingStatusCallback": order.told.url,
            "RecordingStatusCallbackMethod": "POST" if order.told.url else "",
        }
    ) + tuple(("RecordingStatusCallbackEvent", event) for event in order.told.events)


def machine_fields(machine: MachineDetection) -> FormFields:
    if not machine.mode:
        return ()
    return _given(
        {
            "MachineDetection": machine.mode,
            "MachineDetectionTimeout": machine.timeout,
            "MachineDetectionSpeechThreshold": machine.speech_threshold,
            "MachineDetectionSpeechEndThreshold": machine.speech_end_threshold,
            "MachineDetectionSilenceTimeout": machine.silence_timeout,
            "AsyncAmd": machine.background,
            "AsyncAmdStatusCallback": machine.told.url,
            "AsyncAmdStatusCallbackMethod": "POST" if machine.told.url else "",
        }
    )


def participant_fields(change: ParticipantChange) -> FormFields:
    return (
        *_flag("Muted", change.muted),
        *_flag("Hold", change.hold),
        *_source("Hold", change.hold_music),
        *_source("Announce", change.announce),
        *_source("Wait", change.wait_music),
        *(() if change.coached_sid is None else _coached(change.coached_sid)),
    )


def _coached(sid: str) -> FormFields:
    return (("Coaching", "true"), ("CallSidToCoach", sid)) if sid else (("Coaching", "false"),)


def _given(fields: dict[str, str]) -> FormFields:
    return tuple((name, value) for name, value in fields.items() if value)


def _flag(name: str, value: bool | None) -> FormFields:
    return () if value is None else ((name, str(value).lower()),)


def _source(name: str, source: Source | None) -> FormFields:
    if source is None:
        return ()
    return ((f"{name}Url", source.url), (f"{name}Method", source.method))
