"""Languages: the words of any script, and the words by which a turn asks, looks back or speaks of
somebody.
"""
