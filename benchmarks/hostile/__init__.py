"""What hostile bodies cost: how long the event loop stands still, and how much memory is taken."""
