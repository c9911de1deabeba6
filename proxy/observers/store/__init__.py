"""The store of outcomes: on disk, where it outlives the process and other workers of this machine see it."""
