"""Answers as Markdown: what they become while they grow, and that hostile ones become nothing but text."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from conftest import Visit, open_context
from hostile_markdown import HOSTILE
from playwright.sync_api import Browser, Locator, expect
from test_layout import PHONE, look
from visitor import Visitor

RICH = r"""# Title

Some **bold**, *slanted*, ~~struck~~ text with `code`,
a [link](https://example.org/a?b=c&d), and https://example.org/ alone.

1. one
   - nested
     1. deeper
2. two

```python
def f(x: int) -> int:
    return x + 1  # a comment that is long enough to be wider than the page of a phone, whatever its letters
```

| Left | Right | Middle |
| :--- | ---: | :---: |
| a | 1 | $x^2$ |
| and a cell with quite some words in it | 22 | c |

> A quotation
>
> - in two parts

A formula \(a_1 + b\) in a line, \[ \sum_{i=1}^n i = \frac{n(n+1)}{2} \] and on its own:

$$
\begin{pmatrix} 1 & 0 \\ 0 & 1 \end{pmatrix}
$$

---

The end.
"""


class Page:
    """The tests' own page with the real scripts, and one answer on it."""

    def __init__(self, visitor: Visitor) -> None:
        self.visitor = visitor
        self.page = visitor.page

    @property
    def answer(self) -> Locator:
        return self.visitor.answer

    def begin(self) -> None:
        self.page.evaluate("answer(true)")

    def append(self, text: str) -> None:
        self.page.evaluate("async (text) => { made.append(text); await frame(); }", text)

    def finish(self) -> None:
        self.page.evaluate("finish()")

    def show(self, text: str) -> Locator:
        """A finished answer."""
        self.page.evaluate("(text) => { answer(false); made.rewrite(text); }", text)
        return self.answer

    def html(self) -> str:
        return self.answer.evaluate("(element) => element.outerHTML")

    def heard(self) -> list[str]:
        heard: list[str] = self.page.evaluate("async () => { await frame(); return heard; }")
        return heard


@pytest.fixture(scope="module")
def shared_page(browser: Browser, site: str) -> Iterator[Page]:
    visitor = Visitor(open_context(browser), site)
    visitor.open("/test/markdown.html")
    page = Page(visitor)
    # What is loaded with the first code and the first formula is there for all tests.
    expect(page.show("```js\n1\n```\n\n$x$").locator("math")).to_have_count(1)
    expect(page.answer.locator(".hljs-number")).to_have_count(1)
    yield page
    visitor.leave()


@pytest.fixture
def page(shared_page: Page) -> Iterator[Page]:
    yield shared_page
    shared_page.visitor.check()


# ---- What Markdown becomes ----


def test_emphasis_headings_and_lines(page: Page) -> None:
    answer = page.show("## Big\n\n**bold** and *slanted*\nnext line\n\n---\n\n- [ ] open")
    expect(answer.get_by_role("heading", level=4)).to_have_text("Big")
    expect(answer.locator("strong")).to_have_text("bold")
    expect(answer.locator("em")).to_have_text("slanted")
    expect(answer.locator("p").first).to_have_js_property("innerText", "bold and slanted\nnext line")
    expect(answer.get_by_role("separator")).to_have_count(1)
    expect(answer.get_by_role("listitem")).to_have_text("[ ] open")


def test_lists_nest(page: Page) -> None:
    answer = page.show("3. three\n   - a\n     1. deep\n   - b\n4. four")
    assert answer.locator("ol").first.get_attribute("start") == "3"
    expect(answer.locator("ol > li > ul > li > ol > li")).to_have_text("deep")
    expect(answer.locator("ol").first.locator("> li")).to_have_count(2)


def test_a_table_has_its_cells_aligned_and_scrolls_in_a_box(page: Page) -> None:
    answer = page.show("| a | b | c |\n| - | -: | :-: |\n| 1 | **2** | 3 |\n")
    expect(answer.get_by_role("table")).to_have_count(1)
    expect(answer.get_by_role("columnheader")).to_have_text(["a", "b", "c"])
    expect(answer.get_by_role("cell")).to_have_text(["1", "2", "3"])
    expect(answer.get_by_role("cell").nth(1)).to_have_css("text-align", "right")
    expect(answer.get_by_role("cell").nth(2)).to_have_css("text-align", "center")
    page.show("| a | b |\n| - | - |\n| " + "x" * 200 + " | y |\n")
    box = answer.get_by_role("group", name="Table")
    assert box.evaluate("(box) => box.scrollWidth > box.clientWidth")
    box.focus()
    expect(box).to_be_focused()


def test_code_has_a_label_colours_and_a_copy_button(page: Page) -> None:
    code = 'def f():\n    return "<b>"  # done\n'
    answer = page.show(f"```python\n{code}```\n\n```\nplain\n```\n\n    indented\n\n~~~nolanguage\nx\n~~~")
    expect(answer.locator(".code > div > span")).to_have_text(["python", "", "", "nolanguage"])
    expect(answer.locator(".hljs-keyword")).to_have_text(["def", "return"])
    expect(answer.locator("pre").first).to_have_js_property("textContent", code)
    expect(answer.get_by_role("group", name="Code in python")).to_have_attribute("tabindex", "0")
    page.page.evaluate(
        "() => Object.defineProperty(navigator, 'clipboard', "
        "{configurable: true, value: {writeText: async (text) => { window.copied = text; }}})"
    )
    button = answer.get_by_role("button", name="Copy code").first
    button.click()
    expect(button).to_have_text("Copied")
    assert page.page.evaluate("copied") == code
    expect(button).to_have_text("")


@pytest.mark.parametrize(
    "source",
    [
        "$x^2$",
        r"\(x^2\)",
        "$$x^2$$",
        r"\[x^2\]",
        "$$\nx^2\n$$",
        "so:\n\\[\nx^2\n\\]\nand",
        "- $$\n  x^2\n  $$",
        "> $$x^2$$",
    ],
)
def test_formulas_are_mathml(page: Page, source: str) -> None:
    answer = page.show(source)
    expect(answer.locator("math msup")).to_have_count(1)
    is_display = "$$" in source or r"\[" in source
    expect(answer.locator("math[display=block]")).to_have_count(int(is_display))


@pytest.mark.parametrize(
    "source",
    [
        "it costs $5 and $10",
        "$ 5 and 6 $",
        "a \\$x\\$ b",
        "an open $x",
        "`$x$`",
        "$$\n\nx\n\n$$",
        "$US and\nCA$",
        "$1-$2",
    ],
)
def test_prices_and_open_marks_are_no_formulas(page: Page, source: str) -> None:
    expect(page.show(source).locator("[data-maths], math")).to_have_count(0)


def test_what_is_no_tex_stays_text(page: Page) -> None:
    answer = page.show(r"$\frac{1}{$ and $\notacommand$ and $\href{https://example.org}{x}$")
    expect(answer.locator("math a, math [href], mtext a")).to_have_count(0)
    expect(answer).to_contain_text(r"\frac{1}{")
    expect(answer).to_contain_text(r"\notacommand")


def test_links_lead_outside_without_a_trace(page: Page) -> None:
    answer = page.show(
        "[a](https://example.org/) https://example.org/b <mailto:me@example.org> [c]\n\n"
        "[c]: http://example.org/c 'T'"
    )
    links = answer.get_by_role("link")
    expect(links).to_have_count(4)
    for link in links.all():
        assert link.get_attribute("target") == "_blank"
        assert link.get_attribute("rel") == "noopener noreferrer nofollow"


def test_pictures_become_links(page: Page) -> None:
    answer = page.show(
        "![a **cat**](https://example.org/cat.png) "
        "[![dog](https://example.org/dog.png)](https://example.org/) ![](http://example.org/x)"
    )
    expect(answer.get_by_role("link")).to_have_text(["a cat", "dog", "http://example.org/x"])
    assert answer.get_by_role("link").nth(1).get_attribute("href") == "https://example.org/"
    expect(answer.locator("img")).to_have_count(0)


# ---- While it grows ----


#: Its last line begins a list of its own, until the second star makes it a part of the first one.
CHANGES_ITS_MIND = "- a\n**b**"


@pytest.mark.parametrize("text", [RICH, CHANGES_ITS_MIND], ids=["rich", "changes its mind"])
@pytest.mark.parametrize("step", [1, 7])
def test_growing_by_pieces_ends_like_the_whole_at_once(page: Page, step: int, text: str) -> None:
    page.begin()
    pieces = [text[at : at + step] for at in range(0, len(text), step)]
    page.page.evaluate(
        "async (pieces) => { for (const piece of pieces) { made.append(piece); made.draw(); } }", pieces
    )
    page.finish()
    grown = page.html()
    page.show(text)
    assert page.html() == grown


def test_a_late_definition_of_a_link_reaches_blocks_before_it(page: Page) -> None:
    page.begin()
    page.append("See [there].\n\nMore text.\n\n")
    expect(page.answer.get_by_role("link")).to_have_count(0)
    page.answer.evaluate("(element) => { window.kept = element.lastChild; }")
    page.append("[there]: https://example.org/x")
    page.append("y\n\nEnd.")
    expect(page.answer.get_by_role("link")).to_have_attribute("href", "https://example.org/xy")
    assert page.answer.evaluate("(element) => element.children[1] === kept")  # nothing in it has changed


def test_finished_blocks_keep_their_elements_and_selection(page: Page) -> None:
    page.begin()
    page.append("A first paragraph.\n\n```js\nlet x;\n```\n\nThe ")
    page.answer.evaluate(
        "(element) => { window.kept = [...element.children]; getSelection().selectAllChildren(kept[0]); }"
    )
    for piece in ("last", " one", ".\n\n| a |\n", "| - |\n", "| b |"):
        page.append(piece)
    assert page.page.evaluate(
        "kept.slice(0, 2).every((each, at) => each === document.querySelector('article').children[at])"
    )
    assert page.page.evaluate("String(getSelection())") == "A first paragraph."


def test_a_growing_block_keeps_its_scroll_position_and_the_focus(page: Page) -> None:
    page.begin()
    page.append("```\n" + "x" * 500)
    code = page.answer.get_by_role("group", name="Code")
    code.evaluate("(box) => { box.scrollLeft = 40; box.focus(); }")
    page.append("yz")
    expect(code).to_contain_text("xyz")
    assert code.evaluate("(box) => box.scrollLeft") == 40
    expect(code).to_be_focused()


def test_an_open_fence_is_code_and_is_coloured_when_it_ends(page: Page) -> None:
    page.begin()
    page.append("Look:\n\n```python\nreturn 1")
    expect(page.answer.locator("pre code")).to_have_text("return 1")
    expect(page.answer.locator(".hljs-keyword")).to_have_count(0)
    page.append("\n```\n\nThen")
    expect(page.answer.locator(".hljs-keyword")).to_have_text("return")


@pytest.mark.parametrize(
    ("source", "where"),
    [
        ("", "article"),
        ("some text", "article > p"),
        ("- a\n- b", "article > ul > li:last-child"),
        ("text **bold", "article > p"),
        ("```\ncode", "article pre > code"),
        ("| a |\n| - |\n| b |", "article td"),
        ("x\n\n---\n", "article"),
        ("x\n\n$$x$$\n", "article > p:last-child"),
    ],
)
def test_the_writing_mark_stands_where_the_text_ends(page: Page, source: str, where: str) -> None:
    page.begin()
    page.page.evaluate("(text) => made.rewrite(text)", source)
    marked = page.page.locator("[data-end]")
    expect(marked).to_have_count(1)
    assert marked.evaluate("(element, where) => element.matches(where)", where)
    page.finish()
    expect(marked).to_have_count(0)


def test_pieces_of_one_frame_are_drawn_together(page: Page) -> None:
    page.begin()
    drawn = page.page.evaluate(
        """async () => {
          made.append("a");
          for (const piece of "bcd") made.append(piece);
          const before = [made.drawn, made.source];
          await frame();
          return [...before, made.drawn];
        }"""
    )
    assert drawn == ["a", "abcd", "abcd"]


def test_an_answer_of_4000_tokens_is_drawn_in_a_moment(page: Page) -> None:
    page.begin()
    text = (RICH * 30)[:16_000]
    page.page.evaluate("(text) => made.rewrite(text)", text)
    times: list[float] = page.page.evaluate(
        """() => Array.from({length: 40}, () => {
          const start = performance.now();
          made.append(" word");
          made.draw();
          return performance.now() - start;
        })"""
    )
    assert sorted(times)[len(times) // 2] < 25  # 2 ms when the machine does nothing else


# ---- What is read out ----


def test_sentences_are_said_once_when_they_are_finished(page: Page) -> None:
    page.begin()
    text = "The value is 3.14 today. It **was. Less** before"
    for character in text:
        page.append(character)
    assert page.heard() == ["The value is 3.14 today.", "It was."]
    page.append(".\n\n- one\n- two\n\n```python\na\nb\n```\n\n| x | y |\n| - | - |\n| 1 | $z$ |\n\nEnd")
    page.finish()
    assert page.heard() == [
        *("The value is 3.14 today.", "It was.", "Less before.", "one", "two"),
        *("Code in python, 2 lines.", "x, y", "1, z", "End"),
    ]
    expect(page.answer).to_have_attribute("aria-live", "off")


def test_an_answer_that_was_there_before_is_not_read_out(page: Page) -> None:
    page.show("Old. News.")
    assert page.heard() == []


def test_an_answer_that_goes_on_says_what_is_new(page: Page) -> None:
    page.begin()
    page.append("One. Two.")
    page.finish()
    page.answer.evaluate("(element) => element.setAttribute('aria-busy', 'true')")
    page.append(" Three. Four")
    page.finish()
    assert page.heard() == ["One.", "Two.", "Three.", "Four"]


# ---- Hostile texts ----


def test_a_very_long_answer_is_shown_as_it_is(page: Page) -> None:
    line = "**bold**\n"
    expect(page.show(line * 5_000).locator("strong")).to_have_count(5_000)
    expect(page.show(line * 6_000).locator("strong")).to_have_count(0)
    assert page.answer.inner_text() == line * 6_000


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("growing", [False, True], ids=["at once", "growing"])
def test_a_hostile_text_is_only_text(page: Page, name: str, growing: bool) -> None:
    text = HOSTILE[name]
    if growing:
        page.begin()
        for at in range(0, len(text), max(3, len(text) // 8)):
            page.append(text[at : at + max(3, len(text) // 8)])
        page.finish()
    else:
        page.show(text)
    page.page.evaluate("frame()")
    assert page.page.evaluate("foreign()") == []
    assert page.page.title() == "An answer without a model"
    assert not [url for url in page.visitor.requests if "evil.example" in url]
    shown = page.answer.evaluate("(element) => element.textContent")
    if text.endswith("end"):
        assert shown.endswith(("end", "end\n"))
    if text.startswith("<"):
        assert text.split()[0] in shown


# ---- In the chat ----

LISTEN = """() => {
  window.heard = [];
  new MutationObserver((changes) => {
    const added = changes.flatMap(({ addedNodes }) => [...addedNodes]);
    window.heard.push(...added.map((line) => line.textContent));
  }).observe(document.getElementById("spoken"), { childList: true });
}"""


QUESTION = "**What** is\n<b>this</b>?"


def have_answered(visitor: Visitor, text: str) -> None:
    """Ask, write this in place of the answer, and reload the page."""
    visitor.wait_until("ready")
    visitor.ask(QUESTION)
    visitor.button("Edit answer").click()
    visitor.page.get_by_role("textbox", name="Edit the answer").fill(text)
    visitor.button("Save").click()
    expect(visitor.answer).to_contain_text("The end.")
    visitor.page.reload()
    visitor.wait_until("ready")


@pytest.mark.parametrize("size", ["wide", "phone"])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_restored_answer_is_shown_as_markdown(
    visit: Visit, browser_name: str, size: str, theme: str
) -> None:
    if theme == "dark" and browser_name == "firefox":
        pytest.skip("Playwright cannot ask a stock Firefox for dark pages")
    visitor = visit("/?temperature=0", **({"color_scheme": theme} if browser_name == "chromium" else {}))
    visitor.allow("inline style")  # of Playwright's pictures, see test_layout.py
    if size == "phone":
        visitor.page.set_viewport_size(PHONE)
    have_answered(visitor, RICH)
    assert visitor.texts()[0] == QUESTION
    expect(visitor.answer.get_by_role("heading", name="Title")).to_be_visible()
    expect(visitor.answer.locator(".hljs-keyword").first).to_have_text("def")
    expect(visitor.answer.locator("math")).to_have_count(4)
    look(visitor.page, f"{size}-{theme}-6-markdown", browser_name)
    visitor.answer.get_by_text("The end.").scroll_into_view_if_needed()
    look(visitor.page, f"{size}-{theme}-7-markdown-end", browser_name)


def test_copying_an_answer_gives_its_markdown(visit: Visit) -> None:
    visitor = visit("/")
    have_answered(visitor, RICH)
    visitor.button("Copy answer").click()
    expect(visitor.button("Copy answer")).to_have_text("Copied")
    visitor.message.press("ControlOrMeta+v")
    expect(visitor.message).to_have_value(RICH.rstrip())


def test_an_answer_is_read_out_while_it_streams(visit: Visit) -> None:
    visitor = visit("/?temperature=0")
    visitor.wait_until("ready")
    visitor.page.evaluate(LISTEN)
    answer = visitor.ask("Tell me a short story about a rabbit named Momo who finds a shiny key.")
    heard: list[str] = visitor.page.evaluate("heard")
    assert len(heard) > 3
    assert " ".join(heard).split() == answer.split()
