"""Evidence kept on labelled conversations: through a running proxy, and the fit of the presets."""
