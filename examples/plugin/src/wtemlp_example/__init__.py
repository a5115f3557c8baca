"""A labeller and a selector that wtemlp finds by their entry points."""
