"""What the wires share: text, marks, excerpts, tools, and JSON read and written as bytes."""
