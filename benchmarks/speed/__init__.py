"""What foveate adds to a request, measured beside other ways to relay one."""
