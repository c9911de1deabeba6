"""Vectors of segments: made, kept and looked up."""
