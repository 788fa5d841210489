"""What the doors ask of calls: plain data in, records out, a `Refusal` when it cannot be done."""
