"""A page as one file: a template that escapes all that it is given, styles and scripts allowed by their hashes."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
STYLES = ("page.css",)


def rendered(template: Path, scripts: Sequence[str], **values: Any) -> bytes:
    """The file: the same values give the same bytes, and no script but its own may run.

    Args:
        template: begins with the block `head.html.j2`, which holds the policy that the browser keeps to.
        scripts: of this folder, in order; together they are the page's one script.
        values: what the template shows; every text is escaped.
    """
    # Not before there is something to write: a run that finds nothing new has no page to make.
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader([template.parent, HERE]), autoescape=True, undefined=StrictUndefined
    )
    style, script = (
        "".join(HERE.joinpath(name).read_text(encoding="utf-8") for name in names) for names in (STYLES, scripts)
    )
    own = {"style": style, "style_hash": _hash(style), "script": script, "script_hash": _hash(script)}
    text = environment.get_template(template.name).render(**values, **own)
    return text.encode("utf-8", "backslashreplace")


def _hash(text: str) -> str:
    return base64.b64encode(sha256(text.encode()).digest()).decode("ascii")
