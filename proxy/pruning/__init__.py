"""The decision on one request."""
