"""Errors, units, seeds, paths and files: what every other package builds on."""
