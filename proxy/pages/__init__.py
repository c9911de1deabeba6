"""Our own pages, all under /-/."""
