"""How the process runs: what it does when it is told to end or to look at its settings anew."""
