"""Checks that find what would make a run fail, before anything is written or submitted."""
