"""Views of an outcome: headers, metrics, logs, traces, the latest requests."""
