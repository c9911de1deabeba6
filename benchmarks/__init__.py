"""Measurements, each one command, each against others in the same run."""
