"""Whole runs: the service and a customer's app as processes, the test as SignalWire."""
