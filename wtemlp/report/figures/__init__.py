"""Figures of the pages, one module a subject."""
