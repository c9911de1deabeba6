"""Trains the relevance model: all-MiniLM-L6-v2 taught what evidence looks like in a conversation."""
