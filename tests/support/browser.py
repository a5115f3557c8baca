"""Headless Chromium, spoken to through a pipe: no driver, no port, no network."""

import base64
import json
import os
import shutil
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
PHONE = {"width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": True}
DESKTOP = {"width": 1200, "height": 900, "deviceScaleFactor": 1, "mobile": False}
PATIENCE_S = 120.0
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--host-resolver-rules=MAP * ~NOTFOUND",
    "--remote-debugging-pipe",
)


class Browser:
    """One page of one browser.

    Parameters
    ----------
    folder : Path
        For its profile.
    """

    def __init__(self, folder: Path) -> None:
        to_browser, from_browser = os.pipe(), os.pipe()

        def inherit() -> None:  # the browser reads from descriptor 3 and writes to 4
            fds = [os.dup(to_browser[0]), os.dup(from_browser[1])]
            for number, fd in enumerate(fds, 3):
                os.dup2(fd, number)

        self._process = subprocess.Popen(
            [CHROMIUM, *FLAGS, f"--user-data-dir={folder / 'profile'}", "about:blank"],
            preexec_fn=inherit,
            close_fds=False,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "HOME": str(folder)},
        )
        os.close(to_browser[0])
        os.close(from_browser[1])
        self._out, self._in = to_browser[1], from_browser[0]
        self._buffer, self._number = b"", 0
        self.console: list[str] = []  #: errors, warnings and refusals
        self.requests: list[str] = []  #: addresses that were asked for, but those of data in them
        self._session = ""
        target = next(
            one for one in self._call("Target.getTargets")["targetInfos"] if one["type"] == "page"
        )
        self._session = self._call(
            "Target.attachToTarget", targetId=target["targetId"], flatten=True
        )["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self._call(f"{domain}.enable")

    def __enter__(self) -> "Browser":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._out)
        os.close(self._in)

    # -- the page

    def show(self, file: Path, device: Mapping[str, Any] = DESKTOP, dark: bool = False) -> None:
        """Load a page and wait until its plots are drawn."""
        self._call("Emulation.setDeviceMetricsOverride", **device)
        self._call("Emulation.setTouchEmulationEnabled", enabled=bool(device["mobile"]))
        self.prefer(dark)
        self._call("Page.navigate", url=file.as_uri())
        self.wait_for("document.readyState === 'complete'")
        self.wait_for(
            "[...document.querySelectorAll('.plot')].every("
            "(plot) => plot.querySelector('.main-svg'))"
        )

    def prefer(self, dark: bool) -> None:
        """As a reader who switches between light and dark."""
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._call("Emulation.setEmulatedMedia", media="", features=[scheme])

    def evaluate(self, script: str) -> Any:
        """The value of an expression in the page; a promise is awaited."""
        answer = self._call(
            "Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True
        )
        if "exceptionDetails" in answer:
            raise AssertionError(answer["exceptionDetails"])
        return answer["result"].get("value")

    def wait_for(self, script: str) -> None:
        """Wait until an expression is true."""
        end = time.monotonic() + PATIENCE_S
        while True:
            try:
                if self.evaluate(script):
                    return
            except (AssertionError, RuntimeError):  # while a page is replaced by another
                pass
            assert time.monotonic() < end, script
            time.sleep(0.05)

    def picture(self, target: Path, whole: bool = True) -> None:
        """A picture of the page as PNG."""
        answer = self._call("Page.captureScreenshot", captureBeyondViewport=whole)
        target.write_bytes(base64.b64decode(answer["data"]))

    def paper(self, target: Path) -> None:
        """The page as it is printed, as PDF."""
        answer = self._call("Page.printToPDF", printBackground=True, preferCSSPageSize=True)
        target.write_bytes(base64.b64decode(answer["data"]))

    # -- the pipe

    def _call(self, method: str, **parameters: Any) -> Any:
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        message |= {"sessionId": self._session} if self._session else {}
        os.write(self._out, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._read()
            if answer.get("id") == self._number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]
            self._note(answer)

    def _read(self) -> dict:
        while b"\0" not in self._buffer:
            more = os.read(self._in, 1 << 20)
            if not more:
                raise RuntimeError("the browser has ended")
            self._buffer += more
        text, _, self._buffer = self._buffer.partition(b"\0")
        return json.loads(text)

    def _note(self, event: dict) -> None:
        method, content = event.get("method"), event.get("params", {})
        if method == "Runtime.exceptionThrown":
            self.console.append(str(content["exceptionDetails"]))
        elif method == "Runtime.consoleAPICalled" and content["type"] in ("error", "warning"):
            self.console.append(str(content["args"]))
        elif method == "Log.entryAdded" and content["entry"]["level"] in ("error", "warning"):
            self.console.append(content["entry"]["text"])
        elif method == "Network.requestWillBeSent":
            address = content["request"]["url"]
            if not address.startswith(("data:", "blob:", "about:")):
                self.requests.append(address)


DRAWN = (
    "Object.fromEntries([...document.querySelectorAll('.plot')].map((plot) => [plot.id,"
    " plot.querySelectorAll('.scatterlayer .trace, .barlayer .trace').length]))"
)
TOO_WIDE = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


def require_browser() -> None:
    """Skip the test if there is no Chromium; fail it where CI is set."""
    if CHROMIUM is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("needs Chromium")


def look_at(page: Path, folder: Path) -> dict[str, int]:
    """Open a page on a desk and, in the dark, on a phone; the traces drawn in each plot.

    Nothing may be complained of, nothing but the page asked for, and no plot be empty.
    """
    require_browser()
    with Browser(folder) as browser:
        for device, dark in ((DESKTOP, False), (PHONE, True)):
            browser.console.clear()
            browser.requests.clear()
            browser.show(page, device, dark)
            assert browser.console == [] and set(browser.requests) == {page.as_uri()}
            assert browser.evaluate(TOO_WIDE) <= 0
            drawn = browser.evaluate(DRAWN)
            assert drawn and all(drawn.values()), drawn
    return drawn
