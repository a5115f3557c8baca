"""Data, builders and programs that several test modules use."""
