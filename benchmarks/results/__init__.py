"""What shortening of tool results keeps of the values that an agent uses next."""
