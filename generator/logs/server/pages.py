"""The pages: a live view at /ui, and the endpoints at /docs. Nothing on them comes from elsewhere."""

from __future__ import annotations

import html
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Response

_HERE = Path(__file__).resolve().parent / "page"
_FILES = {
    "/ui": ("live.html", "text/html; charset=utf-8"),
    "/ui/live.js": ("live.js", "text/javascript; charset=utf-8"),
    "/ui/style.css": ("style.css", "text/css; charset=utf-8"),
}


def add_pages(app: FastAPI) -> None:
    """Mount them."""
    for path, (name, kind) in _FILES.items():
        app.add_api_route(path, _file(name, kind), include_in_schema=False)

    @app.get("/docs", include_in_schema=False)
    async def docs() -> Response:
        return Response(docs_page(app.openapi()), media_type="text/html; charset=utf-8")


def _file(name: str, kind: str) -> Any:
    content = (_HERE / name).read_bytes()

    async def page() -> Response:
        return Response(content, media_type=kind, headers={"Cache-Control": "no-cache"})

    return page


def docs_page(openapi: dict[str, Any]) -> str:
    """The endpoints of an OpenAPI document as a page that needs no script."""
    info = openapi["info"]
    rows = "\n".join(
        _endpoint(openapi, path, method, one)
        for path, methods in openapi["paths"].items()
        for method, one in methods.items()
    )
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{_text(info["title"])}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/ui/style.css">
</head>
<body class="docs">
<header><h1>{_text(info["title"])}</h1><a href="/ui">live view</a><a href="/openapi.json">OpenAPI</a></header>
<main>
<p>{_text(info["description"])}</p>
{rows}
<section><h2><b class="method">WS</b> /ws/logs</h2>
<p>Batches of lines. A client may send
<code>{{"action": "configure", "config": {{"batch_size": 5, "interval": 0.5, "anomaly_rate": 0.1}}}}</code> and
<code>{{"action": "inject_anomaly", "anomaly_type": "security_threat"}}</code>.</p></section>
</main>
</body>
</html>
"""


def _endpoint(openapi: dict[str, Any], path: str, method: str, one: dict[str, Any]) -> str:
    fields = list(_parameters(openapi, one))
    rows = "".join(
        f"<tr><td><code>{_text(name)}</code></td><td>{_text(kind)}</td><td>{_text(default)}</td><td>{_text(said)}</td></tr>"
        for name, kind, default, said in fields
    )
    table = f"<table><tr><th>name</th><th>values</th><th>default</th><th></th></tr>{rows}</table>" if fields else ""
    return (
        f'<section><h2><b class="method {method}">{method.upper()}</b> {_text(path)}</h2>\n'
        f"<p>{_text(one.get('description', ''))}</p>{table}</section>"
    )


def _parameters(openapi: dict[str, Any], one: dict[str, Any]) -> Iterator[tuple[str, str, str, str]]:
    """Name, values, default and meaning of all that an endpoint is told."""
    for parameter in one.get("parameters", ()):
        yield _row(parameter["name"], parameter["schema"] | {"description": parameter.get("description", "")})
    body = one.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    for name, schema in _resolved(openapi, body).get("properties", {}).items():
        yield _row(name, _resolved(openapi, schema))


def _resolved(openapi: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in schema:
        return schema
    found: dict[str, Any] = openapi["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return found


def _row(name: str, schema: dict[str, Any]) -> tuple[str, str, str, str]:
    kinds = [one for one in schema.get("anyOf", [schema]) if one.get("type") != "null"]
    first = kinds[0] if kinds else {}
    if "enum" in first:
        values = ", ".join(first["enum"])
    else:
        low, high = first.get("minimum"), first.get("maximum")
        bounds = "" if low is None else f", {low:.16g} to {high:.16g}" if high is not None else f", at least {low:.16g}"
        values = f"{first.get('type', '')}{bounds}"
    default = json.dumps(schema["default"]) if schema.get("default") is not None else ""
    return name, values, default, schema.get("description", "")


def _text(text: str) -> str:
    return html.escape(text)
