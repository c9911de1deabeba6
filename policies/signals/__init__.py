"""Signals: each judges a segment by one thing; one pure file each."""
