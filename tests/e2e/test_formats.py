"""Context length and chat template: chosen, refused, and what becomes of a hostile one."""

from __future__ import annotations

import re

from bitnet.formats import FORMATS
from conftest import Visit
from playwright.sync_api import expect
from test_models import facts
from test_settings import change, field
from visitor import Visitor

NOTE_STATES = """() => {
  const { documentElement } = document;
  const { dataset } = documentElement;
  const note = () => (dataset.states = `${dataset.states ?? ""} ${dataset.state}`);
  new MutationObserver(note).observe(documentElement, { attributeFilter: ["data-state"] });
}"""


def downloads(visitor: Visitor) -> int:
    """How often a model has been asked for; the page keeps its own files meanwhile, for later visits."""
    return sum(url.endswith(".gguf") for url in visitor.requests)


def test_the_context_says_its_memory_and_changes_without_a_download(visit: Visit) -> None:
    visitor = visit("/?temperature=0")
    visitor.wait_until("ready")
    visitor.ask("My name is Anna.")
    n_downloads = downloads(visitor)
    visitor.button("Settings").click()
    about = visitor.page.locator("#about-context")
    expect(about).to_contain_text("Now 1,024 in 12.6 MB of memory; each 1,024 take 12.6 MB.")
    change(visitor, "Context length", "512")
    expect(about).to_contain_text("Now 512 in 6.3 MB of memory")
    change(visitor, "Context length", "5000")
    expect(visitor.alert).to_contain_text("was trained with 1,024 tokens")
    change(visitor, "Context length", "512")
    expect(visitor.alert).to_have_count(0)
    visitor.page.keyboard.press("Escape")
    assert facts(visitor.page)["Context"] == "512 of 1,024 tokens, 6.3 MB"
    assert "Anna" in visitor.ask("What is my name?")
    expect(visitor.page.locator("#context")).to_contain_text("of 512 tokens used")
    assert downloads(visitor) == n_downloads


def test_the_address_chooses_context_and_template(visit: Visit) -> None:
    visitor = visit("/?temperature=0&context=256&template=llama3")
    visitor.wait_until("ready")
    assert facts(visitor.page)["Context"].startswith("256 of 1,024")
    visitor.button("Settings").click()
    expect(field(visitor, "Context length")).to_have_value("256")
    expect(field(visitor, "Chat template")).to_have_value("llama3")
    visitor.leave()
    visitor = visit("/?template=vicuna")
    visitor.wait_until("ready")
    expect(visitor.alert).to_contain_text("There is no chat template 'vicuna'")


def test_what_takes_less_memory_says_how_much_and_can_be_changed(visit: Visit) -> None:
    visitor = visit("/?temperature=0&kv=int8")
    visitor.wait_until("ready")
    assert facts(visitor.page)["Context"] == "1,024 of 1,024 tokens, 6.7 MB in 8 bits"
    assert visitor.ask("What is 8 plus 6?") == "8 plus 6 is 14."
    n_downloads = downloads(visitor)
    visitor.button("Settings").click()
    expect(field(visitor, "KV cache")).to_have_value("int8")
    about = visitor.page.locator("#about-kv")
    expect(about).to_contain_text("16 bits take 12.6 MB, 8 bits 6.7 MB")
    field(visitor, "KV cache").select_option(label="16 bits (exact)")
    expect(visitor.page.locator("#about-context")).to_contain_text("Now 1,024 in 12.6 MB")
    assert downloads(visitor) == n_downloads
    expect(visitor.page.locator("#about-profile")).to_contain_text("The copy takes 2.7 MB")
    # The model is read again, from storage or from the network.
    visitor.page.evaluate(NOTE_STATES)
    field(visitor, "Output head").select_option(label="Lean")
    expect(visitor.root).to_have_attribute("data-states", re.compile("loading.* ready$"), timeout=30_000)
    visitor.page.keyboard.press("Escape")
    assert visitor.ask("What is 8 plus 6?") == "8 plus 6 is 14."
    visitor.page.reload()
    visitor.wait_until("ready")
    visitor.button("Settings").click()
    expect(field(visitor, "Output head")).to_have_value("lean")
    expect(field(visitor, "KV cache")).to_have_value("int8")  # the address goes before


def test_the_choices_are_those_of_the_package(visitor: Visitor) -> None:
    options = visitor.page.locator("#setting-template option")
    shown = options.evaluate_all("options => options.map(option => [option.value, option.text])")
    offered = [[name, chat_format.title] for name, chat_format in FORMATS.items()]
    assert shown == [["", "The model's own"], *offered, ["own", "Written here"]]


def test_a_template_can_be_chosen_or_written_and_a_hostile_one_is_replaced(visit: Visit) -> None:
    visitor = visit("/?temperature=0")
    visitor.wait_until("ready")
    visitor.button("Settings").click()
    field(visitor, "Chat template").select_option(label="Plain User/Assistant")
    expect(field(visitor, "Template")).to_be_hidden()
    field(visitor, "Chat template").select_option(label="Written here")
    for text, sentence in {
        "{{ ''.__class__.__mro__ }}": "unsafe",
        "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}": "without end",
        "{{ 'x' * 10 ** 9 }}": "more than 1,048,576 characters",
    }.items():
        change(visitor, "Template", text)
        expect(visitor.alert).to_contain_text(sentence, timeout=20_000)
        expect(visitor.alert).to_contain_text("the model's own format is used")
        expect(visitor.alert).to_be_in_viewport()  # although it stands above the fields
    assert "The chosen chat template cannot be used" in facts(visitor.page)["Note"]
    visitor.page.keyboard.press("Escape")
    assert visitor.ask("What is 8 plus 6?") == "8 plus 6 is 14."
    visitor.button("Settings").click()
    change(visitor, "Template", "{{ bos_token }}Once upon a time there was a rabbit named Momo")
    expect(visitor.alert).to_have_count(0)
    visitor.page.keyboard.press("Escape")
    visitor.begin_anew()
    assert visitor.ask("Anything").strip().lower() != "8 plus 6 is 14."
    assert "Note" not in facts(visitor.page)
