"""Pruning inside a program of one's own, where there is no room for a proxy."""
