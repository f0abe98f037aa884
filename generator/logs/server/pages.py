"""The pages: a live view at /ui, and the endpoints to be tried at /docs. Nothing on them comes from elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import fastapi_offline
from fastapi import FastAPI, Response

_OURS = Path(__file__).resolve().parent / "page"
# Swagger UI, as a package brings it: FastAPI's own page loads it from elsewhere.
_THEIRS = Path(fastapi_offline.__file__).resolve().parent / "static"
_HTML, _SCRIPT, _STYLE = (f"text/{kind}; charset=utf-8" for kind in ("html", "javascript", "css"))
_FILES = {
    "/ui": (_OURS / "live.html", _HTML),
    "/ui/live.js": (_OURS / "live.js", _SCRIPT),
    "/ui/style.css": (_OURS / "style.css", _STYLE),
    "/docs": (_OURS / "docs.html", _HTML),
    "/docs/docs.js": (_OURS / "docs.js", _SCRIPT),
    "/docs/swagger-ui-bundle.js": (_THEIRS / "swagger-ui-bundle.js", _SCRIPT),
    "/docs/swagger-ui.css": (_THEIRS / "swagger-ui.css", _STYLE),
}
PAGES = tuple(_FILES)
"""Paths of all that is no data."""


def add_pages(app: FastAPI) -> None:
    """Mount them."""
    for path, (file, kind) in _FILES.items():
        app.add_api_route(path, _file(file, kind), include_in_schema=False)


def _file(file: Path, kind: str) -> Any:
    content = file.read_bytes()

    async def page() -> Response:
        return Response(content, media_type=kind, headers={"Cache-Control": "no-cache"})

    return page
