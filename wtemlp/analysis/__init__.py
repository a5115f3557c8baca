"""Radial distribution, energy distribution, deviations: arrays in, arrays out, no files."""
