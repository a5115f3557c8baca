"""Labellers: engines behind one small protocol."""
