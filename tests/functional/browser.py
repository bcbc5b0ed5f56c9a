"""A headless Chromium that looks at a page: what is there once it is drawn, what it asks for."""

from __future__ import annotations

import html
import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from .conftest import SECONDS

NAMES = ("chromium", "chromium-browser", "google-chrome")
POLICY = re.compile(r'<meta http-equiv="Content-Security-Policy"[^>]*>')
# By whom a browser's own requests are made.
OWN = "not an origin"
DARK = "--blink-settings=preferredColorScheme=0"
# No window is narrower than 500 pixels, but a frame is. The page is measured by a script in a copy
# of it, which tells the page around it; that one tells it by its title.
FRAME = """<!doctype html><title>nothing measured</title>
<script>onmessage = event => { document.title = event.data }</script>
<iframe src="measured.html" style="border: 0; width: WIDTHpx; height: 900px"></iframe>
"""
MEASURE = """<script>
for (const details of document.querySelectorAll("details")) details.open = true;
const brightness = parts => parts.slice(0, 3).map(part => part / 255).map(
  part => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4
).reduce((sum, part, place) => sum + part * [0.2126, 0.7152, 0.0722][place], 0);
const parts = colour => colour.match(/[\\d.]+/g).map(Number);
const behind = element => {
  const colour = parts(getComputedStyle(element).backgroundColor);
  return colour.length === 3 || colour[3] === 1 ? colour : behind(element.parentElement);
};
const texts = [...document.body.querySelectorAll("*")].filter(element =>
  [...element.childNodes].some(node => node.nodeType === 3 && node.data.trim())
  && element.getClientRects().length && !element.closest("style, script, title"));
const contrast = element => {
  const style = getComputedStyle(element);
  const ink = parts(element.closest("svg") ? style.fill : style.color);
  const [high, low] = [ink, behind(element)].map(brightness).sort((a, b) => b - a);
  return (high + 0.05) / (low + 0.05);
};
const faint = texts.filter(element => contrast(element) < 4.5);
const wide = [...document.body.querySelectorAll("*")].filter(element =>
  !element.closest(".scroll table, defs")
  && element.getBoundingClientRect().right > innerWidth + 0.5);
const labels = [...document.querySelectorAll(".chart text")].filter(
  label => label.getClientRects().length);
const meet = (a, b) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
const upon = labels.filter((label, place) => labels.slice(place + 1).some(
  other => meet(label.getBoundingClientRect(), other.getBoundingClientRect())));
const named = elements => elements.map(element => element.outerHTML.slice(0, 120));
parent.postMessage(JSON.stringify({
  inner: innerWidth, scroll: document.documentElement.scrollWidth, texts: texts.length,
  background: getComputedStyle(document.body).backgroundColor,
  faint: named(faint), wide: named(wide), upon: named(upon),
}), "*");
</script>"""


@dataclass(frozen=True)
class Browser:
    """The command, and a folder for what it writes."""

    command: str
    folder: Path

    def rendered(self, page: Path, *flags: str) -> str:
        """The page as it is once it is drawn."""
        done = subprocess.run(
            [
                self.command,
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--hide-scrollbars",
                # Nothing leaves this machine, whoever wants it.
                "--no-proxy-server",
                "--host-resolver-rules=MAP * ~NOTFOUND",
                f"--user-data-dir={self.folder / 'profile'}",
                *flags,
                "--dump-dom",
                page.as_uri(),
            ],
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=True,
        )
        return done.stdout

    def measure(self, page: Path, width: int, *flags: str) -> dict[str, Any]:
        """What a script finds on the page in so many pixels, with everything unfolded."""
        content = page.read_text(encoding="utf-8")
        measured = without_policy(content).replace("</body>", f"{MEASURE}</body>")
        (self.folder / "measured.html").write_text(measured, encoding="utf-8")
        frame = self.folder / "frame.html"
        frame.write_text(FRAME.replace("WIDTH", str(width)))
        seen = self.rendered(frame, f"--window-size={max(500, width)},900", *flags)
        [title] = re.findall(r"<title>(.*?)</title>", seen, re.DOTALL)
        found: dict[str, Any] = json.loads(html.unescape(title))
        return found

    def asks_for(self, page: Path) -> list[str]:
        """The addresses that the page asks for; what the browser wants for itself is not told."""
        log = self.folder / "net.json"
        self.rendered(page, f"--log-net-log={log}")
        content = json.loads(log.read_text())
        start = content["constants"]["logEventTypes"]["URL_REQUEST_START_JOB"]
        told = [each.get("params", {}) for each in content["events"] if each["type"] == start]
        return [each["url"] for each in told if each.get("initiator", OWN) != OWN]


def without_policy(page: str) -> str:
    """The page, free to ask for anything and to run scripts."""
    found, replaced = POLICY.subn("", page)
    assert replaced == 1
    return found


def find_browser(folder: Path) -> Browser:
    """A Chromium that writes to the folder. Without one the test is skipped; in CI it fails."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        why = f"none of {', '.join(NAMES)} is there to look at the page"
        if os.environ.get("CI") == "true":
            pytest.fail(why)
        pytest.skip(why)
    return Browser(found, folder)
