"""Typed records of what a run leaves on disk."""
