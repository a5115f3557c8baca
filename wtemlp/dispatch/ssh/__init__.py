"""Connections to hosts over SSH: configuration, host keys, transport."""
