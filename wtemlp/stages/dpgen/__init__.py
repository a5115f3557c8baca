"""Stages that DP-GEN prepares and reads, and the import of its results."""
