"""One request's way to the upstream and back."""
