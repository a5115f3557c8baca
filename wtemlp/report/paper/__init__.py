"""Figures of the pages, drawn for papers."""
