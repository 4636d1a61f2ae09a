"""Opens a page in a real headless Chromium, wide and narrow: screenshots, console errors, requests, size."""

import argparse
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

CUT = """[...document.querySelectorAll("table")].map(
    table => [table.rows[0].innerText.slice(0, 40), table.getBoundingClientRect().right - innerWidth]
).filter(([_, cut]) => cut > 0)"""  # tables that reach beyond the window, though the page may not be wider
WIDTHS = (1280, 390)  # CSS pixels: a desk and a phone
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
         "--disable-sync"]  # fmt: skip


def examine(page: Page, file: Path, out: Path, width: int) -> list[str]:
    """What is wrong with the page at one width; screenshots of it and of an opened picture go to `out`."""
    wrong: list[str] = []
    page.on("console", lambda said: wrong.append(f"console {said.type}: {said.text}"))
    page.on("pageerror", lambda error: wrong.append(f"error: {error}"))
    page.on(
        "request", lambda asked: None if _own(asked.url, file) else wrong.append(f"request {asked.url[:80]}")
    )
    page.goto(file.absolute().as_uri())
    page.wait_for_timeout(500)
    over = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    if over > 0:
        wrong.append(f"{over} px wider than the window")
    for table, cut in page.evaluate(CUT):
        wrong.append(f"{cut} px of the table {table!r} are out of sight")
    page.screenshot(path=out / f"{file.stem}_{width}.png", full_page=True)
    pictures = page.locator(".pic > summary")
    if pictures.count():
        pictures.first.click()
        shown = page.locator(".pic[open] img, .pic[open] .none").first.bounding_box()
        if not shown or not page.locator(".pic[open] > pre").first.is_visible():
            wrong.append("a picture does not open")
        page.screenshot(path=out / f"{file.stem}_{width}_picture.png")
        page.locator(".pic[open] > summary").click()
        if page.locator(".pic[open]").count():
            wrong.append("a picture does not close")
    return wrong


def _own(url: str, file: Path) -> bool:
    return url.startswith("data:") or url.split("#")[0] == file.absolute().as_uri()


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pages", nargs="+", type=Path, help="report.html, evaluation.html")
    parser.add_argument("--out", type=Path, required=True, help="folder for the screenshots")
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    parser.add_argument("--dark", action="store_true", help="as a reader with a dark theme sees it")
    asked = parser.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    scheme, bad = "dark" if asked.dark else "light", 0
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=asked.chromium, args=QUIET)
        for file in asked.pages:
            for width in WIDTHS:
                page = browser.new_page(viewport={"width": width, "height": 844}, color_scheme=scheme)
                wrong = examine(page, file, asked.out, width)
                page.close()
                bad += len(wrong)
                size = file.stat().st_size / 1e6
                print(f"{file.name} at {width} px, {size:.2f} MB: {'; '.join(wrong) or 'nothing wrong'}")
        browser.close()
    raise SystemExit(1 if bad else 0)


if __name__ == "__main__":
    main()
