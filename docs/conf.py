"""How the site is built: `make docs`. Nothing of it is fetched from elsewhere, when it is built or when it is read."""

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from docs.generator.pages import write  # noqa: E402 - found only from here on

if TYPE_CHECKING:
    from sphinx.application import Sphinx

project = "Leadgrade"
project_copyright = "the authors of Leadgrade"
extensions = ["myst_parser"]
exclude_patterns = ["_site", "examples", "images", "generator"]
html_theme = "furo"
html_title = "Leadgrade"
html_show_sphinx = False
html_copy_source = False
html_last_updated_fmt = None
html_show_sourcelink = False
myst_heading_anchors = 3
"""Links to headings of these depths are checked."""
nitpicky = True
highlight_language = "text"


LOADED = re.compile(r"""<(?:script|img|iframe|link|source)\b[^>]*\b(?:src|href)=["'](?:https?:)?//[^"']*""")
"""What a browser would fetch from somewhere else just by showing the page."""


def setup(app: "Sphinx") -> None:
    """The reference is made from the code before the pages are read; no page may lead a reader's browser elsewhere."""
    app.connect("config-inited", lambda *_: write(HERE / "reference"))
    app.connect("build-finished", _refuse_what_is_loaded_from_elsewhere)


def _refuse_what_is_loaded_from_elsewhere(app: "Sphinx", error: Exception | None) -> None:
    from sphinx.errors import SphinxError

    found = [
        f"{page.relative_to(app.outdir)}: {match.group()}"
        for page in ([] if error else sorted(Path(app.outdir).rglob("*.html")))
        for match in LOADED.finditer(page.read_text(encoding="utf-8"))
    ]
    if found:
        raise SphinxError("pages load from elsewhere:\n" + "\n".join(found))
