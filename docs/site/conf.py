"""Sphinx's configuration of the reading site. tools/site.py collects the pages and calls Sphinx."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent.parent)]

from tools.repository import address  # noqa: E402

project = "Deep-learning papers, rebuilt and run"
author = f"the authors of {address()}"
copyright = f"{author}. Code and text: MIT licence"
language = "en"

extensions = ["myst_nb", "sphinx.ext.mathjax", "pages"]
nb_execution_mode = "off"  # stored outputs only
nb_merge_streams = True
nb_code_prompt_show = "Show the cell that finds the repository"  # of a cell whose code tools/site.py folds
myst_enable_extensions = ["dollarmath", "amsmath", "attrs_inline", "colon_fence"]
myst_heading_anchors = 4
smartquotes = False
suppress_warnings = ["myst.header"]  # a README may skip a level of headings

html_theme = "sphinx_book_theme"
html_title = project
html_favicon = "static/favicon.svg"
html_static_path = ["static"]
html_css_files = ["style.css"]
html_use_index = False
html_copy_source = False  # what is built here is a copy; the notebook itself is on GitHub
html_context = {"default_mode": "auto"}  # light or dark, as the reader's system is, until the reader chooses
html_theme_options = {
    "repository_url": f"https://github.com/{address()}",
    "repository_branch": "main",
    "path_to_docs": "",
    "use_repository_button": True,
    "use_download_button": False,
    "navbar_persistent": [],
    "launch_buttons": {"colab_url": "https://colab.research.google.com"},
    "logo": {"text": "Deep-learning papers"},
    "show_toc_level": 2,
    "footer_content_items": ["copyright"],
}

# MathJax comes with the package sphinx-mathjax-offline; pages.py copies it into the site, so no page asks another host.
# Its menu would fetch more of MathJax than is copied, so there is none.
mathjax_path = "mathjax/tex-chtml-full.js"
mathjax3_config = {"options": {"enableMenu": False}}
