"""A running command: its lock, log, progress and live report."""
