"""What a call says, plays, hears and keeps: tones, levels, mixing, speech, files of audio.

Nothing here knows an event loop or a clock. Live audio is 8 kHz mu-law in frames of 20 ms
(160 bytes); the thin shells that play and record it are in `bridge.engine`.
"""
