"""The page /ui of `./sl.py serve` in a real browser: it shows the stream and its rate, injects anomalies, asks for the
token where there is one, and loads nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from generator.logs.types import TYPES
from tests.required import program
from tests.serving import Server, served

TOKEN = "0123456789abcdef-+/~"
OPTIONS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = program("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=OPTIONS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with served() as one:
        yield one


@contextmanager
def opened(browser: Browser, server: Server, path: str = "/ui") -> Iterator[Page]:
    """The page; whatever it complains about, or loads from elsewhere, fails the test."""
    context = browser.new_context()
    page = context.new_page()
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda message: wrong.append(message.text) if "Content Security" in message.text else None)
    page.on("request", lambda request: None if request.url.startswith(server.url) else wrong.append(request.url))
    page.goto(server.url + path)
    yield page
    context.close()
    assert wrong == []


def rows(page: Page) -> int:
    return page.locator("#lines tr").count()


def test_the_page_shows_the_live_stream_and_its_rate(browser: Browser, server: Server) -> None:
    with opened(browser, server) as page:
        expect(page.locator("#state")).to_have_text("live")
        expect(page.locator("#lines tr").nth(30)).to_be_visible()
        page.wait_for_function("() => Number(document.getElementById('rate').textContent) > 10")
        page.wait_for_function("() => Number(document.getElementById('latency').textContent) > 50")
        first = page.locator("#lines tr").first.inner_text()
        page.wait_for_function("text => document.querySelector('#lines tr').innerText !== text", arg=first)
        painted = "() => [...document.querySelectorAll('canvas')].every(one => new Uint32Array(one.getContext('2d')"
        painted += ".getImageData(0, 0, one.width, one.height).data.buffer).some(value => value !== 0))"
        page.wait_for_function(painted)
        assert server.streams() == 1
    server.until(0)


def test_the_page_injects_each_kind_of_anomaly(browser: Browser, server: Server) -> None:
    with opened(browser, server) as page:
        expect(page.locator("#state")).to_have_text("live")
        page.fill("#share", "0")
        page.fill("#batch", "50")
        page.fill("#interval", "0.1")
        page.click("#apply")
        page.check("#only")
        buttons = page.locator("button[data-kind]")
        assert buttons.count() == len(TYPES)
        for place in range(6):
            name = buttons.nth(place).inner_text()
            buttons.nth(place).click()
            expect(page.locator("#notice")).to_have_text(f"{name} begins now")
            expect(page.locator("#lines tr.anomalous", has_text=name).first).to_be_visible()


def test_the_page_pauses_and_filters(browser: Browser, server: Server) -> None:
    with opened(browser, server) as page:
        expect(page.locator("#lines tr").nth(5)).to_be_visible()
        page.click("#pause")
        expect(page.locator("#pause")).to_have_attribute("aria-pressed", "true")
        first = page.locator("#lines tr").first.inner_text()
        total = page.locator("#total").inner_text()
        page.wait_for_function("text => document.getElementById('total').textContent !== text", arg=total)
        assert page.locator("#lines tr").first.inner_text() == first
        page.click("#pause")
        page.fill("#filter", "nginx")
        page.wait_for_function(
            "() => document.querySelectorAll('#lines tr').length > 3 &&"
            "[...document.querySelectorAll('#lines tr')].every(row => row.cells[2].innerText === 'nginx' ||"
            " row.innerText.includes('nginx'))"
        )
        page.fill("#filter", "no line says this")
        expect(page.locator("#lines tr")).to_have_count(0)


def test_what_cannot_be_meant_is_said_on_the_page(browser: Browser, server: Server) -> None:
    with opened(browser, server) as page:
        expect(page.locator("#state")).to_have_text("live")
        page.fill("#share", "7")
        page.click("#apply")
        expect(page.locator("#notice")).to_have_text("anomaly_rate: Input should be less than or equal to 1")


def test_the_page_comes_back_when_the_server_does(browser: Browser) -> None:
    with served() as first:
        port = first.port
        with opened(browser, first) as page:
            expect(page.locator("#state")).to_have_text("live")
            first.stop()
            expect(page.locator("#state")).to_contain_text("connection lost")
            with served("--port", str(port)):
                expect(page.locator("#state")).to_have_text("live", timeout=30_000)


def test_the_page_asks_for_the_token_and_keeps_it_out_of_every_address(browser: Browser) -> None:
    with served(SL_SERVE_TOKEN=TOKEN) as server, opened(browser, server) as page:
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.on("websocket", lambda socket: asked.append(socket.url))
        expect(page.locator("#enter")).to_be_visible()
        assert rows(page) == 0
        page.fill("#token", "wrong-wrong-wrong-wrong")
        page.click("#enter button")
        expect(page.locator("#state")).to_have_text("wrong token")
        page.fill("#token", TOKEN)
        page.click("#enter button")
        expect(page.locator("#state")).to_have_text("live")
        expect(page.locator("#enter")).to_be_hidden()
        expect(page.locator("#lines tr").nth(5)).to_be_visible()
        assert asked
        assert not [url for url in [*asked, page.url] if "012345" in url or "wrong-" in url]


def test_the_endpoints_can_be_tried_without_a_network(browser: Browser, server: Server) -> None:
    with opened(browser, server, "/docs") as page:
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.reload()
        expect(page.locator(".opblock")).to_have_count(13)
        expect(page.locator(".info", has_text="/ws/logs")).to_be_visible()
        page.locator(".opblock", has_text="/api/generate/single").locator(".opblock-summary-control").click()
        server.told("POST", "/api/reset")
        page.locator(".opblock", has_text="/api/generate/single").get_by_role("button", name="Execute").click()
        expect(page.locator(".live-responses-table tbody .response-col_status").first).to_contain_text("200")
        assert server.get("/api/status")["logs_generated"] == 1
        assert asked
        assert all(url.startswith((server.url, "data:")) for url in asked)


def test_a_page_of_elsewhere_can_neither_read_nor_change_anything(browser: Browser, server: Server) -> None:
    """The page of one server asks another one: for a browser that is another origin, as any page of elsewhere is."""
    with served() as elsewhere:
        context = browser.new_context(bypass_csp=True)
        page = context.new_page()
        page.goto(elsewhere.url + "/ui")
        server.told("POST", "/api/reset")
        script = """async (url) => {
            const found = [];
            for (const [method, path] of [["GET", "/api/status"], ["GET", "/api/stream"], ["POST", "/api/reset"],
                                          ["POST", "/api/generate/single"], ["PUT", "/api/config/anomalies"]]) {
                try { found.push((await fetch(url + path, { method })).status); } catch { found.push("refused"); }
            }
            try { await fetch(url + "/api/generate/single", { method: "POST", mode: "no-cors" }); } catch {}
            try { await fetch(url + "/api/stream", { mode: "no-cors" }); } catch {}
            found.push(await new Promise((done) => {
                const socket = new WebSocket(url.replace("http", "ws") + "/ws/logs");
                socket.onopen = () => done("open");
                socket.onerror = () => done("refused");
            }));
            return found;
        }"""
        assert page.evaluate(script, server.url) == ["refused"] * 6
        context.close()
    assert server.get("/api/status")["logs_generated"] == 0
