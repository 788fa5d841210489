"""SignalWire's REST: calls that it carries are placed and controlled there."""
