"""Schemas of parameter, machine and init files, and messages about wrong keys."""
