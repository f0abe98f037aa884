"""A real browser for the pages of the project."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

from tests.required import program

Scheme = Literal["light", "dark"]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = program("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--headless", "--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@contextmanager
def opened_file(browser: Browser, path: Path, width: int = 1000, scheme: Scheme = "light") -> Iterator[Page]:
    """A page as a file; whatever it complains about, or asks for besides itself, fails the test."""
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    shown = context.new_page()
    wrong: list[str] = []
    shown.on("pageerror", lambda error: wrong.append(str(error)))
    shown.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    shown.on("dialog", lambda dialog: wrong.append(dialog.message))
    shown.on("request", lambda request: None if request.url.startswith(path.as_uri()) else wrong.append(request.url))
    shown.goto(path.as_uri())
    yield shown
    context.close()
    assert wrong == []


@contextmanager
def checked_by_axe(browser: Browser, url: str, width: int = 1000, scheme: Scheme = "light") -> Iterator[Page]:
    """What axe-core finds in the page as it was left fails the test."""
    # Its script is no part of the page: this browser lets it in.
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, bypass_csp=True)
    shown = context.new_page()
    shown.goto(url)
    yield shown
    found = Axe().run(shown).response["violations"]
    context.close()
    assert [(one["id"], [node["target"] for node in one["nodes"]][:3]) for one in found] == []
