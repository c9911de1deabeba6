"""Setting foveate up, and looking at a running one: what no request meets."""
