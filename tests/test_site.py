"""The documentation as a site."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Browser

ROOT = Path(__file__).resolve().parent.parent


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *said: object) -> None:
        pass


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Its address. Built with warnings as errors: links that lead nowhere, and pages that no menu lists."""
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "-d", str(folder)],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    # Not -q: warnings that are not shown would not count either.
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_the_site_starts_with_the_readme_finds_what_is_searched_for_and_loads_nothing_from_elsewhere(
    site: str, browser: Browser
) -> None:
    page = browser.new_page(viewport={"width": 1300, "height": 900})
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{site}/index.html")
    # Links of README.md lead to the pages of the site.
    page.locator("article").get_by_role("link", name="Files and logs").first.click()
    page.wait_for_url("**/files.html*")
    page.get_by_role("textbox", name="Search").first.fill("baseline")
    page.locator(".md-search-result__item", has_text="Detection").first.wait_for(timeout=120_000)
    page.close()
    assert [url for url in asked if not url.startswith((site, "data:"))] == []
