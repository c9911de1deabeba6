"""How much a prompt may take: windows, what refusals teach, and how upstreams count."""
