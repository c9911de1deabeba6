"""The workbench: a policy tried on a request."""
