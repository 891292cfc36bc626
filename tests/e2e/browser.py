"""A headless Chromium for tests of pages: the system's own, driven by Selenium."""

from __future__ import annotations

import base64
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

__all__ = ["MUST_RUN", "Browser", "missing_programs", "open_browser"]

#: With this variable set to 1 a missing browser is a failure, as in CI.
MUST_RUN = "HBSTAN_TEST_BROWSER"
#: Chromium and its driver under the names that distributions give them.
_NAMES = {
    "chromium": ("chromium", "chromium-browser", "google-chrome"),
    "chromedriver": ("chromedriver", "chromium.chromedriver"),
}
_FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

_SETTLED = """
const done = arguments[arguments.length - 1];
const frame = () => new Promise((next) => requestAnimationFrame(next));
Promise.allSettled([...document.images].map((image) => image.decode()))
  .then(frame).then(frame).then(done);
"""


def _find(program: str) -> str | None:
    return next((p for n in _NAMES[program] if (p := shutil.which(n))), None)


def missing_programs() -> list[str]:
    """The programs that browser tests need and that are not on the PATH."""
    return [name for name in _NAMES if _find(name) is None]


def require_browser() -> None:
    """Skip, or fail where the browser must be there."""
    missing = missing_programs()
    if not missing:
        return
    reason = f"not installed: {', '.join(missing)}"
    if os.environ.get(MUST_RUN) == "1":
        pytest.fail(f"{reason}, but {MUST_RUN} is 1")
    pytest.skip(reason)


class Browser:
    """Pages as a reader's browser shows them.

    Parameters
    ----------
    driver : selenium.webdriver.Chrome
    """

    def __init__(self, driver: Any) -> None:
        self.driver = driver
        # A window that opens would stop the driver; it is counted instead.
        count = "window.alerts = 0; window.alert = () => { window.alerts += 1; };"
        self._call("Page.addScriptToEvaluateOnNewDocument", source=count)

    def show(
        self, page: Path, *, width: int = 1280, height: int = 900, scheme: str = "light"
    ) -> None:
        """Open a file in a window of this size, on a system of this colour scheme."""
        self.size(width, height)
        self.scheme(scheme)
        self.console()
        self.driver.get(page.resolve().as_uri())
        # Nothing moves any more once all pictures are decoded and drawn.
        self.driver.execute_async_script(_SETTLED)

    def size(self, width: int, height: int, scale: float = 1) -> None:
        """Give the window this size in CSS pixels, however small."""
        metrics = {"width": width, "height": height, "deviceScaleFactor": scale}
        self._call("Emulation.setDeviceMetricsOverride", mobile=width < 600, **metrics)

    def scheme(self, name: str) -> None:
        """Let the system prefer light or dark colours."""
        feature = {"name": "prefers-color-scheme", "value": name}
        self._call("Emulation.setEmulatedMedia", features=[feature])

    def console(self) -> list[str]:
        """What the console said since it was last asked, warnings included."""
        return [f"{e['level']}: {e['message']}" for e in self.driver.get_log("browser")]

    def run(self, script: str, *args: Any) -> Any:
        """Run JavaScript; ``return`` gives its value."""
        return self.driver.execute_script(script, *args)

    def pdf(self) -> bytes:
        """Print the page on A4."""
        printed = self._call(
            "Page.printToPDF", printBackground=True, preferCSSPageSize=True
        )
        return base64.b64decode(printed["data"])

    def picture(self, path: Path, *, whole: bool = False) -> None:
        """Save what the window shows, or the whole page, as PNG."""
        shot = self._call(
            "Page.captureScreenshot",
            captureBeyondViewport=whole,
            **({"clip": self._whole()} if whole else {}),
        )
        path.write_bytes(base64.b64decode(shot["data"]))

    def _whole(self) -> Mapping[str, float]:
        size = self._call("Page.getLayoutMetrics")["cssContentSize"]
        return {**size, "scale": 1}

    def _call(self, command: str, **arguments: Any) -> Any:
        return self.driver.execute_cdp_cmd(command, arguments)


@contextmanager
def open_browser(folder: Path) -> Iterator[Browser]:
    """Start a browser with an empty profile in ``folder``, and end it.

    Skips the test where there is no browser, and fails it where there must be one.
    """
    require_browser()
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = _find("chromium")
    for flag in (*_FLAGS, f"--user-data-dir={folder / 'profile'}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    # Both programs are named, so that Selenium looks for neither on the network.
    service = Service(_find("chromedriver"))
    driver = webdriver.Chrome(options=options, service=service)
    try:
        driver.set_page_load_timeout(120)
        driver.set_script_timeout(120)
        yield Browser(driver)
    finally:
        driver.quit()
