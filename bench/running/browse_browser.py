"""`palmforge browse` in a real browser: pictures at two widths, dark and light, keys, no outside request.

    python -m bench.running.browse_browser DATASET --with OLDER --out DIR [--chromium /usr/bin/chromium]

Needs `uv pip install --group bench` and a Chromium. Prints the seconds of each page, and what went wrong.
"""

import argparse
import subprocess
import sys
import time
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

WIDTHS = {1280: 900, 390: 844}
QUIET = ["--disable-background-networking", "--disable-component-update", "--no-sandbox"]


def main() -> None:
    """Walk through the pages."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dataset")
    parser.add_argument("--with", dest="older", default="")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    asked = parser.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    older = ["--with", asked.older] if asked.older else []
    command = [sys.executable, "-m", "flows.cli.main", "browse", asked.dataset, "--port", "0", *older]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout
        url = server.stdout.readline().split()[1]
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=asked.chromium, args=QUIET)
            for width, height in WIDTHS.items():
                for scheme in ("light", "dark"):
                    look(browser, url, asked.out, width, height, scheme, bool(asked.older))
            keys(browser, url)
    finally:
        server.terminate()
        server.wait()


def look(browser: Browser, url: str, out: Path, width: int, height: int, scheme: str, older: bool) -> None:
    """A picture of each page at one width; whatever asks another host, or fails, is printed."""
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
    page = context.new_page()
    page.set_default_timeout(180_000)
    watch(page, url)
    took = {}
    for name, path in (
        ("identities", ""),
        ("rejects", "rejects"),
        *([("compare", "compare")] if older else []),
    ):
        began = time.perf_counter()
        page.goto(url + path, wait_until="load")
        took[name] = time.perf_counter() - began
        page.wait_for_load_state("networkidle")
        page.screenshot(path=out / f"{name}-{width}-{scheme}.png")
        check_width(page, name, width)
    page.goto(url)
    page.locator("a.pic").nth(1).click()
    page.wait_for_load_state("networkidle")
    page.screenshot(path=out / f"capture-{width}-{scheme}.png", full_page=True)
    check_width(page, "capture", width)
    page.locator("#again").click()
    page.wait_for_selector("[role=status]", timeout=120_000)
    print(scheme, width, "drawn again:", page.locator("[role=status]").inner_text())
    page.screenshot(path=out / f"again-{width}-{scheme}.png")
    if page.locator("#near").count():
        page.locator("#near").click()
        page.wait_for_load_state("networkidle")
        page.screenshot(path=out / f"near-{width}-{scheme}.png")
    print(scheme, width, {name: f"{seconds:.2f} s" for name, seconds in took.items()})
    context.close()


def watch(page: Page, url: str) -> None:
    """Print what goes to another host, fails, or is said in the console."""
    page.on("request", lambda r: None if r.url.startswith((url, "data:")) else print("OUTSIDE", r.url))
    page.on("requestfailed", lambda r: None if "ABORTED" in str(r.failure) else print("FAILED", r.url))
    page.on("console", lambda m: print("CONSOLE", m.text))
    page.on("pageerror", lambda e: print("ERROR", e))
    page.on("dialog", lambda d: (print("DIALOG", d.message), d.dismiss()))


def check_width(page: Page, name: str, width: int) -> None:
    """Print when a page must be scrolled sideways."""
    wide = page.evaluate("document.documentElement.scrollWidth")
    if wide > width:
        print("TOO WIDE", name, wide, "at", width)


def keys(browser: Browser, url: str) -> None:
    """The keys do what the page says they do."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto(url)
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement === document.querySelectorAll('a.pic')[1]")
    page.keyboard.press("ArrowDown")
    assert page.evaluate("[...document.querySelectorAll('a.pic')].indexOf(document.activeElement)") > 1
    page.keyboard.press("/")
    page.keyboard.type("_left")
    page.keyboard.press("Enter")
    page.wait_for_url("**search=_left*")
    assert "quality=" not in page.url
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    page.wait_for_url("**/capture**")
    first = page.url
    page.keyboard.press("n")
    page.wait_for_url(lambda now: now != first)
    page.keyboard.press("p")
    page.wait_for_url(first)
    page.keyboard.press("Escape")
    page.wait_for_url("**search=**")
    print("keys: good")


if __name__ == "__main__":
    main()
