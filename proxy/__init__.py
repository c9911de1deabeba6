"""Serves an OpenAI-compatible endpoint and prunes what passes: everything with a socket, a disk, a
clock or a model.
"""
