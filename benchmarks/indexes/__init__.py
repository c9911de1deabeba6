"""What each index costs, at 10,000 and 100,000 vectors."""
