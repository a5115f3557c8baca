"""Sphinx: `make docs` writes build/docs/index.html."""

project = "wtemlp"
html_theme = "furo"
html_static_path = ["_static"]
html_css_files = ["wide_tables.css"]
extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_click",
    "sphinx_copybutton",
]
copybutton_prompt_text = "$ "
myst_heading_anchors = 3
html_title = "wtemlp"
# Links to files of the repository outside of docs/; shapes, as n_frames, that many records have.
suppress_warnings = ["myst.xref_missing", "ref.python"]
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # the docstrings have types, with shapes
napoleon_google_docstring = False
napoleon_use_ivar = True
napoleon_use_param = False  # types are words and shapes, not names to link
napoleon_use_rtype = False
autodoc_default_options = {"undoc-members": True}
