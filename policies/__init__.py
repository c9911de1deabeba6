"""Decides what stays in a prompt: pure functions over frozen values, no I/O and no clock."""
