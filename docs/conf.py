"""Sphinx: `make docs` writes build/docs/index.html."""

project = "wtemlp"
extensions = ["myst_parser"]
myst_heading_anchors = 3
html_title = "wtemlp"
suppress_warnings = ["myst.xref_missing"]  # links to files of the repository outside of docs/
