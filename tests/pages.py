"""Pages written from synthetic sweeps, and what tests do with them in a real browser."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from selenium.webdriver import Chrome
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait

from ganbench.analysis.results import Results
from ganbench.analysis.summary import summarise
from ganbench.report.page import links_of, page, read_record
from ganbench.report.style import styled
from ganbench.report.tables import tables

WIDE, NARROW = 1440, 390
PATIENCE_S = 120.0  # of a busy machine
CURVES, RUNS = "curves-plot", "runs-plot"


def written(results: Results, out: Path) -> Path:
    """Write a sweep's page, complete or not, without its figures; return its path."""
    summary = summarise(results, allow_partial=True)
    made = list(tables(summary))
    out.mkdir(parents=True, exist_ok=True)
    with styled():
        html = page(summary, made, links_of(out, made, [], ("csv",)), read_record(results, out))
    (out / "index.html").write_text(html, encoding="utf-8")
    return out / "index.html"


class Browser:
    """What the tests do with a page, and what they see of it."""

    def __init__(self, driver: Chrome) -> None:
        self.driver = driver

    def open(self, path: Path, *, width: int = WIDE, dark: bool = False) -> None:
        """Open a file and wait until its scripts have done."""
        screen = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
        self.driver.get(path.as_uri())
        self.wait(lambda: self.state() in ("ready", "failed"))
        assert self.state() == "ready", self.one("#trouble").text

    def state(self) -> str | None:
        """Return how far the page's scripts are."""
        found: str | None = self.js("return document.documentElement.dataset.state")
        return found

    def js(self, code: str, *arguments: Any) -> Any:
        """Run a script in the page."""
        return self.driver.execute_script(code, *arguments)

    def seconds(self, code: str) -> float:
        """Return how long a script takes, drawing not counted."""
        spent = self.js(f"const start = performance.now(); {code}; return performance.now() - start")
        return float(spent) / 1000

    def wait(self, condition: Callable[[], object]) -> None:
        """Wait for what must come true."""
        WebDriverWait(self.driver, PATIENCE_S, poll_frequency=0.05).until(lambda _: condition())

    def one(self, selector: str) -> WebElement:
        """Return the element, which must exist."""
        return self.driver.find_element("css selector", selector)

    def each(self, selector: str, expression: str = "node.textContent") -> list[Any]:
        """Return what an expression says of every `node` that a selector finds."""
        found: list[Any] = self.js(
            f"return [...document.querySelectorAll(arguments[0])].map((node) => {expression})", selector
        )
        return found

    def traces(self, plot: str, expression: str, where: str = "true") -> list[Any]:
        """Return what an expression says of every `trace` of a chart that passes a test."""
        code = f"data.filter((trace) => {where}).map((trace) => {expression})"
        found: list[Any] = self.js(f"return document.getElementById('{plot}').{code}")
        return found

    def click(self, selector: str) -> None:
        """Click where the element stands, as a pointer would."""
        node = self.one(selector)
        self.js("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", node)
        node.click()

    def choose(self, selector: str, value: str) -> None:
        """Choose an option by its value."""
        code = "const [node, value] = arguments; node.value = value; node.dispatchEvent(new Event('change'))"
        self.js(code, self.one(selector), value)

    def complaints(self) -> list[str]:
        """Return what the page wrote to the console since last asked."""
        return [entry["message"] for entry in self.driver.get_log("browser")]
