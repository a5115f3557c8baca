"""What a walker's job measures, and the bias that it makes of it."""
