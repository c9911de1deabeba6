"""The page at /-/ and who may see it."""
