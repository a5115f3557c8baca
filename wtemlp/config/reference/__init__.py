"""References: what labels frames, and what does MD."""
