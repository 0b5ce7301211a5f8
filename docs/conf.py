"""Sphinx configuration: MyST pages, the furo theme, no request to another host."""

from __future__ import annotations

from peelian import __version__

project = "Peelian"
author = "The Peelian authors"
copyright = "The Peelian authors, Apache-2.0"
version = release = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
source_suffix = {".md": "markdown"}
myst_enable_extensions = ["colon_fence", "deflist", "fieldlist"]
myst_heading_anchors = 3
# A part of the docs may be without pages for a while; its index lists what is there.
suppress_warnings = ["toc.empty_glob"]

autodoc_member_order = "bysource"
autodoc_typehints = "description"
napoleon_google_docstring = False

html_theme = "furo"
html_title = f"Peelian {release}"
html_copy_source = False
html_show_sourcelink = False
