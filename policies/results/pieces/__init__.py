"""The pieces of a result: how a text is divided, and written again with some of them left out."""
