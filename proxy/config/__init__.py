"""Settings, and the policies built from them."""
