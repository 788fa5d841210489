"""SignalWire's webhooks: its requests in, cXML out."""
