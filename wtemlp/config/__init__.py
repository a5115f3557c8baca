"""Parameter and machine files, read once into frozen records."""
