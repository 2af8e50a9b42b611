"""Benchmarks of the embedded model, natively and in Chromium (and with --firefox there too).

    make bench

Every run adds one JSON line per world to bench/results/results.jsonl, and prints a table beside the last run.
Figures of different runs differ by what else the machine does; the ratios within one run hold better.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import subprocess
import sys
import tempfile
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[2]
RESULTS = PROJECT / "bench" / "results" / "results.jsonl"
MODEL = PROJECT / "models" / "tiny-tales" / "bitnet-tiny-i2_s.gguf"
MODEL_URL = "models/tiny-tales/bitnet-tiny-i2_s.gguf"
sys.path[:0] = [str(Path(__file__).parent), str(PROJECT / "tools")]

import browsers  # noqa: E402 - found through the line above
import serve  # noqa: E402
from measure import measure  # noqa: E402

ROWS = {
    "kernel": "kernels",
    "load_ms": "load, ms",
    "first_token_ms": "time to first token, ms",
    "prefill_tokens_per_s": "prefill, tokens/s",
    "decode_tokens_per_s": "decode, tokens/s",
    "kernels_share_of_token": "kernels' share of a token's time",
    "heap_growth_of_file_and_cache": "heap growth / (file + KV cache)",
}


def in_browser(name: str) -> dict[str, Any]:
    """The same measurement inside Pyodide, in a worker of a page that knows nothing of the app."""
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        root = Path(folder)
        for path in (PROJECT / "dist").iterdir():
            (root / path.name).symlink_to(path)
        (root / "test").symlink_to(PROJECT / "tests" / "e2e" / "site")
        server = serve.Server(
            ("127.0.0.1", 0), lambda *arguments: serve.Handler(*arguments, directory=str(root))
        )
        serve.Handler.quiet = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        site = f"http://127.0.0.1:{server.server_port}"
        path = browsers.find(name)
        options: dict[str, Any] = {"executable_path": path}
        if name == "chromium":
            options["args"] = ["--headless=new", "--no-sandbox"]
        elif path != playwright.firefox.executable_path:
            options["channel"] = "moz-firefox"
        browser = getattr(playwright, name).launch(**options)
        try:
            page = browser.new_page()
            page.goto(f"{site}/test/index.html")
            wheel = next((PROJECT / "dist" / "wheels").glob("bitnet_tab-*wasm32.whl")).name
            code = (
                "import json, micropip\n"
                f"await micropip.install('{site}/wheels/{wheel}')\n"
                + (Path(__file__).parent / "measure.py").read_text()
                + f"\njson.dumps(await measure('{site}/{MODEL_URL}', {MODEL.stat().st_size}))\n"
            )
            figures = json.loads(page.evaluate("code => runPython(code, '')", code))
            return {"world": f"{name} {browser.version}"} | figures
        finally:
            browser.close()
            server.shutdown()
            server.server_close()


def natively() -> dict[str, Any]:
    return {"world": "native"} | asyncio.run(measure(str(MODEL), MODEL.stat().st_size))


def machine() -> dict[str, str | int | None]:
    """What the figures belong to."""
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=PROJECT, capture_output=True, text=True, check=False
    )
    cpu = platform.processor() or platform.machine()
    if (info := Path("/proc/cpuinfo")).is_file():
        cpu = next((line.split(":")[1].strip() for line in info.open() if line.startswith("model name")), cpu)
    return {
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit.stdout.strip() or None,
        "cpu": cpu,
        "cores": os.cpu_count(),
        "model": MODEL.name,
    }


def shown(value: object) -> str:
    return f"{value:.2f}" if isinstance(value, float) else "-" if value is None else str(value)


def main() -> None:
    parser = argparse.ArgumentParser(prog="tools/bench", description=__doc__.splitlines()[0])
    parser.add_argument("--firefox", action="store_true", help="measure in Firefox too")
    arguments = parser.parse_args()
    lines = [natively(), in_browser("chromium")]
    if arguments.firefox:
        lines.append(in_browser("firefox"))

    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    before = [json.loads(line) for line in RESULTS.read_text().splitlines()] if RESULTS.is_file() else []
    about = machine()
    with RESULTS.open("a") as file:
        for line in lines:
            file.write(json.dumps(about | line) + "\n")

    for line in lines:
        world = line["world"].split()[0]
        last = next((entry for entry in reversed(before) if entry["world"].split()[0] == world), {})
        print(f"\n{line['world']}, {about['cpu']}" + ("  (before)" if last else ""))
        for key, label in ROWS.items():
            print(f"  {label:36}{shown(line[key]):>10}" + (f"  ({shown(last.get(key))})" if last else ""))


if __name__ == "__main__":
    main()
