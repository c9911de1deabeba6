"""The inside of a tool result: its pieces, which of them matter, and how the rest is left out."""
