"""Measuring, explaining and demonstrating: what no request meets."""
