"""What conversations cost through foveate, where a provider discounts a repeated prefix, and what they keep."""
