"""TwiML documents in SignalWire's languages, with an account of what could not be said in them."""
