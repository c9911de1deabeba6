"""Selectors: each fills the room left by the pins in its own way; one pure file each."""
