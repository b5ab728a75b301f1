"""Makes the README's pictures from a running demo: what it prints (SVG), and a record page in Chromium (PNG).

Usage: .venv/bin/python docs/make_images.py
"""

from __future__ import annotations

import io
import os
import re
import shutil
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

from rich.console import Console
from rich.text import Text

from cli.output import WIDTH_WITHOUT_TERMINAL

IMAGES = Path(__file__).parent / "images"
LEADGRADE = Path(sys.executable).with_name("leadgrade")
SCREEN = "1280,860"


def main() -> None:
    """Run the demo, take both pictures, end it."""
    IMAGES.mkdir(exist_ok=True)
    env = os.environ | {"FORCE_COLOR": "1"}
    command = [str(LEADGRADE), "demo", "--keep"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=env) as demo:  # noqa: S603 - our own command
        assert demo.stdout is not None
        lines = []
        for line in demo.stdout:
            lines.append(line)
            if "Ctrl-C ends" in line:
                break
        shown = "".join(lines)
        try:
            terminal(shown.split("\nThe CRMs are still running")[0])
            record_page(best_record_page(shown))
        finally:
            demo.send_signal(signal.SIGINT)
            demo.wait()


def terminal(shown: str) -> None:
    """What the demo printed, as a picture of a terminal."""
    console = Console(record=True, width=WIDTH_WITHOUT_TERMINAL, file=io.StringIO())
    console.print(Text("$ leadgrade demo", style="bold"))
    console.print(Text.from_ansi(shown))
    svg = console.export_svg(title="leadgrade demo")
    # The reader's own monospaced font will do; a picture should fetch nothing from the network.
    svg = re.sub(r"\s*@font-face \{.*?\}", "", svg, flags=re.DOTALL)
    (IMAGES / "demo.svg").write_text(svg, encoding="utf-8")


def best_record_page(shown: str) -> str:
    """Address of the HubSpot page of the best-rated person that is in HubSpot."""
    address = re.search(r"HubSpot +(http\S+)/_sandbox/records", shown)
    best = re.search(r"hubspot:(\d+)", shown)
    assert address
    assert best
    page = f"{address[1]}/_sandbox/records/contacts/{best[1]}"
    with urllib.request.urlopen(page) as answer:  # noqa: S310 - loopback
        assert answer.status == 200
    return page


def record_page(page: str) -> None:
    """The page as headless Chromium draws it."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        sys.exit("Chromium is needed for the record page (Debian: apt install chromium).")
    options = ["--headless", "--no-sandbox", "--hide-scrollbars", f"--window-size={SCREEN}", "--disable-gpu"]
    target = f"--screenshot={IMAGES / 'record.png'}"
    subprocess.run([chromium, *options, target, page], check=True, capture_output=True)  # noqa: S603 - loopback page


if __name__ == "__main__":
    main()
