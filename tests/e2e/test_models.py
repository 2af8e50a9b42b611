"""Models from the catalogue, a file or an address; what cannot be a model; and the chat that goes on."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import Visit
from playwright.sync_api import Page, expect
from visitor import Visitor

IN_USE = "BitNet b1.58 Tiny Tales 40M is still in use."

#: File, and what its sentence must say.
BAD_FILES = {
    "empty.gguf": "empty",
    "truncated.gguf": "7514048 bytes: it is truncated",
    "wrong.gguf": "GGUF",
    "architecture.gguf": "mystery-arch",
    "type.gguf": "blk.0.ffn_up.weight",
}


def facts(page: Page) -> dict[str, str]:
    """The table of the model in use."""
    terms, values = (page.locator(f"#model-facts {tag}").all_text_contents() for tag in ("dt", "dd"))
    return dict(zip(terms, values, strict=True))


def assert_usable(visitor: Visitor, sentence: str) -> None:
    """The alert says *sentence* and what is still in use; the conversation before is kept, and goes on."""
    expect(visitor.alert).to_contain_text(sentence)
    expect(visitor.alert).to_contain_text(IN_USE)
    visitor.wait_until("ready")
    assert visitor.texts()[:2] == ["What is 8 plus 6?", "8 plus 6 is 14."]
    visitor.button("Dismiss").click()
    expect(visitor.alert).to_have_count(0)
    visitor.ask("Why is the sky blue?")
    expect(visitor.articles).to_have_count(4)


@pytest.fixture
def chatting(visitor: Visitor) -> Visitor:
    assert visitor.ask("What is 8 plus 6?") == "8 plus 6 is 14."
    return visitor


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_file_that_is_no_model_is_refused_in_words(chatting: Visitor, files: Path, name: str) -> None:
    chatting.load_file(str(files / name))
    assert_usable(chatting, BAD_FILES[name])


def test_an_address_with_nothing_is_said(chatting: Visitor) -> None:
    chatting.allow("404")
    chatting.load_url("files/nowhere.gguf")
    assert_usable(chatting, "/files/nowhere.gguf")


def test_a_connection_that_breaks_is_said(chatting: Visitor) -> None:
    chatting.allow("ERR_CONTENT_LENGTH_MISMATCH")
    chatting.load_url("files/breaks-off.gguf")
    expect(chatting.page.locator("#loading-text")).to_contain_text("connection lost: trying again in")
    chatting.button("Cancel").click()
    chatting.wait_until("ready")
    expect(chatting.page.get_by_role("progressbar")).to_be_hidden()
    chatting.ask("Why is the sky blue?")
    expect(chatting.articles).to_have_count(4)


def test_something_that_is_no_address_is_said(chatting: Visitor) -> None:
    chatting.load_url("javascript:alert(1)")
    assert_usable(chatting, "is not an address that a browser can fetch")


def test_a_file_of_this_machine_becomes_the_model(visit: Visit, files: Path) -> None:
    visitor = visit("/?temperature=0")
    visitor.wait_until("ready")
    visitor.ask("My name is Anna.")
    visitor.load_file(str(files / "tiny.gguf"))
    visitor.wait_until("ready")
    expect(visitor.alert).to_have_count(0)
    assert not any("/files/tiny.gguf" in url for url in visitor.requests), "a file is sent nowhere"
    assert "Anna" in visitor.ask("What is my name?")


def test_a_dropped_file_becomes_the_model(visitor: Visitor) -> None:
    visitor.page.evaluate(
        """async () => {
          const bytes = await (await fetch("files/tiny.gguf")).arrayBuffer();
          const dataTransfer = new DataTransfer();
          dataTransfer.items.add(new File([bytes], "dropped.gguf"));
          document.dispatchEvent(new DragEvent("drop", {dataTransfer, bubbles: true, cancelable: true}));
        }"""
    )
    expect(visitor.page.locator("#loading-text")).to_contain_text("dropped.gguf")
    visitor.wait_until("ready")
    assert visitor.ask("What is 8 plus 6?") == "8 plus 6 is 14."


def test_a_model_of_the_catalogue_is_one_click(visitor: Visitor) -> None:
    visitor.button("Models").click()
    visitor.button("Open BitNet b1.58 Tiny Tales 40M").click()
    expect(visitor.page.get_by_role("dialog")).to_be_hidden()
    visitor.wait_until("ready")
    assert visitor.ask("What is 8 plus 6?") == "8 plus 6 is 14."


def test_the_models_dialog_says_what_runs(visitor: Visitor) -> None:
    visitor.button("Models").click()
    dialog = visitor.page.get_by_role("dialog", name="Models")
    expect(dialog).to_be_visible()
    shown = facts(visitor.page)
    assert shown["Size"] == "15.0 MB"
    assert "bitnet-b1.58" in shown["Type"]
    assert "I2_S" in shown["Type"]
    assert shown["Licence"] == "Apache-2.0"
    assert shown["Kernel"] in ("relaxed-add", "relaxed", "simd128")
    expect(dialog).to_contain_text("not yet run on the published weights")
    dialog.get_by_role("button", name="Close").click()
    expect(dialog).to_be_hidden()
    expect(visitor.button("Models")).to_be_focused()


@pytest.mark.parametrize("kernel", ["simd128", "scalar"])
def test_the_address_chooses_model_and_kernel(visit: Visit, kernel: str) -> None:
    visitor = visit(f"/?model=files/tiny.gguf&kernel={kernel}&temperature=0&profile=small")
    visitor.wait_until("ready")
    assert visitor.ask("What is 8 plus 6?") == "8 plus 6 is 14."
    shown = facts(visitor.page)
    assert shown["Kernel"] == kernel
    assert "profile=small has no effect" in shown["Note"]


def test_an_unknown_model_or_kernel_leaves_a_page_that_can_open_another(visit: Visit) -> None:
    visitor = visit("/?kernel=abacus&temperature=0")
    visitor.wait_until("error")
    expect(visitor.alert).to_contain_text("abacus")
    visitor.leave()
    visitor = visit("/?model=files/nowhere.gguf&temperature=0")
    visitor.allow("404")
    visitor.wait_until("error")
    expect(visitor.alert).to_contain_text("nowhere.gguf")
    visitor.load_url("files/tiny.gguf")
    visitor.wait_until("ready")
    assert visitor.ask("What is 8 plus 6?") == "8 plus 6 is 14."


def test_a_prompt_longer_than_the_context_goes_back_to_its_writer(chatting: Visitor) -> None:
    prompt = "The fox and the hen went to the market. " * 150
    chatting.message.fill(prompt)
    chatting.button("Send").click()
    expect(chatting.alert).to_contain_text("1,024")
    expect(chatting.message).to_have_value(prompt.strip())
    expect(chatting.articles).to_have_count(2)
    chatting.button("Dismiss").click()
    chatting.ask("Why is the sky blue?")
    expect(chatting.articles).to_have_count(4)


def test_a_full_context_offers_a_new_chat(visitor: Visitor) -> None:
    visitor.send("The fox and the hen went to the market. " * 85)
    for _ in range(12):
        visitor.wait_for_answer()
        if visitor.alert.count():
            break
        visitor.message.fill("Tell me a short story about a rabbit named Momo who finds a shiny key.")
        visitor.button("Send").click()
        expect(visitor.page.locator("html[data-state=answering]").or_(visitor.alert)).not_to_have_count(0)
    expect(visitor.alert).to_contain_text("start a new chat")
    expect(visitor.page.locator("#context")).to_contain_text("nearly full")
    visitor.button("Start over").click()
    expect(visitor.articles).to_have_count(0)
    expect(visitor.alert).to_have_count(0)
    assert visitor.ask("What is 8 plus 6?") == "8 plus 6 is 14."
