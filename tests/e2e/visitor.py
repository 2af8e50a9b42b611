"""Somebody who uses the page as a person would, by roles and names, and writes down whatever goes wrong."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, ConsoleMessage, Locator, Request, expect

START_MS = 60_000  # two shared cores, a cold cache: a person would wait seconds
ANSWER_MS = 60_000

# The conversation is kept in the tab, each message as [id, parent, role, text, remark, model].
SOURCE = """() => {
  const {chat} = JSON.parse(sessionStorage.getItem("bitnet-tab:conversation"));
  return chat.entries.find(([id]) => id === chat.leaf)[3];
}"""


class Visitor:
    def __init__(self, context: BrowserContext, site: str) -> None:
        self.site = site
        self.context = context
        self.page = context.new_page()
        self.requests: list[str] = []
        self._wrong: list[str] = []
        self._allowed: list[str] = []
        self.page.on("console", self._on_console)
        self.page.on("pageerror", lambda error: self._wrong.append(f"page error: {error}"))
        context.on("request", self._on_request)

    # ---- What must not happen ----

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self._wrong.append(f"console {message.type}: {message.text} ({message.location})")

    def _on_request(self, request: Request) -> None:
        self.requests.append(request.url)
        parts = urlsplit(request.url)
        if parts.scheme in ("http", "https") and f"{parts.scheme}://{parts.netloc}" != self.site:
            self._wrong.append(f"request to another origin: {request.url}")

    def allow(self, *parts: str) -> None:
        """Messages of the browser itself that belong to what a test does, such as a 404 it asks for."""
        self._allowed += parts

    def check(self) -> None:
        """Fail if anything went wrong since the last time."""
        wrong = [line for line in self._wrong if not any(part in line for part in self._allowed)]
        self._wrong.clear()
        self._allowed.clear()
        assert wrong == [], "\n".join(wrong)

    def leave(self) -> None:
        self.context.close()
        self.check()

    # ---- What a visitor sees ----

    @property
    def root(self) -> Locator:
        return self.page.locator("html")

    @property
    def log(self) -> Locator:
        return self.page.get_by_role("log")

    @property
    def articles(self) -> Locator:
        return self.log.get_by_role("article")

    @property
    def answer(self) -> Locator:
        """The last answer."""
        return self.log.locator("article[data-role=assistant]").last

    @property
    def alert(self) -> Locator:
        return self.page.get_by_role("alert")

    @property
    def message(self) -> Locator:
        return self.page.get_by_role("textbox", name="Message")

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name, exact=True)

    def state(self) -> str | None:
        return self.root.get_attribute("data-state")

    def texts(self) -> Sequence[str]:
        return self.articles.all_inner_texts()

    # ---- What a visitor does ----

    def open(self, address: str) -> None:
        self.page.goto(address if ":" in address.split("?")[0] else self.site + address)

    def wait_until(self, state: str) -> None:
        expect(self.root).to_have_attribute("data-state", state, timeout=START_MS)

    def wait_for_answer(self) -> str:
        """Wait until the last answer is complete, and return it."""
        expect(self.answer).to_have_attribute("aria-busy", "false", timeout=ANSWER_MS)
        expect(self.root).to_have_attribute("data-state", "ready")
        return self.answer.inner_text()

    def source(self) -> str:
        """What the model wrote as its last answer, before it became what is seen."""
        written: str = self.page.evaluate(SOURCE)
        return written

    def begin_anew(self) -> None:
        self.page.keyboard.press("Escape")  # closes a dialog, or stops an answer
        self.button("New chat").click()
        expect(self.articles).to_have_count(0)
        self.wait_until("ready")
        self.message.fill("")

    def send(self, text: str) -> None:
        """Write and send, and see the question and a new answer appear."""
        before = self.articles.count()
        self.message.fill(text)
        self.button("Send").click()
        expect(self.articles).to_have_count(before + 2)

    def ask(self, text: str) -> str:
        self.send(text)
        return self.wait_for_answer()

    def load_file(self, path: str) -> None:
        """Choose a file in the Models dialog."""
        self.button("Models").click()
        self.page.get_by_label("Open a file").set_input_files(path)

    def load_url(self, url: str) -> None:
        self.button("Models").click()
        self.page.get_by_label("URL of a GGUF file").fill(url)
        self.page.get_by_role("dialog").get_by_role("button", name="Open", exact=True).click()
