"""The example agent: a voice app as a customer would write it for Twilio.

It repeats what the caller says, sentence by sentence, and stops talking when the caller
interrupts. It knows Twilio's protocol and nothing of this service, so it shows where your own
app goes. `server` holds the endpoints, `echo` the conversation, `calls` what it remembers.

Run it alone with `uvicorn --factory app.agent:create_agent`, or mount `create_agent()` in
another app.

`caller.wav` is a caller for it, who interrupts the first echo. It is made with espeak-ng and sox:

    trim="silence 1 0.01 -60d reverse silence 1 0.01 -60d reverse"
    espeak-ng -v en-us -s 150 --stdout "Hello this is a call from my laptop." |
        sox -t wav - 1.wav $trim pad 0.5 1.0
    espeak-ng -v en-us -s 150 --stdout "Sorry I have one more thing to say." |
        sox -t wav - 2.wav $trim pad 0 1.5
    sox 1.wav 2.wav -r 16000 caller.wav gain -n -6
"""

from pathlib import Path

from app.agent.calls import Call, Calls
from app.agent.server import create_agent

CALLER_WAV = Path(__file__).with_name("caller.wav")

__all__ = ["CALLER_WAV", "Call", "Calls", "create_agent"]
