"""Ways to run all-MiniLM-L6-v2 on this machine, side by side."""
