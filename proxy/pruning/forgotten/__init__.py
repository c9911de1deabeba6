"""What a client no longer sends: brought back where a turn needs it."""
