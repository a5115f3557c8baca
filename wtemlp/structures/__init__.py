"""Structures that MD starts from, read and checked in one place whatever their format."""
