"""foveate: an OpenAI-compatible reverse proxy that keeps long conversations inside the model's window."""
