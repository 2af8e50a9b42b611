"""Settings: what they do, what is refused, and what the address asks for."""

from __future__ import annotations

from conftest import Visit
from playwright.sync_api import Locator, expect
from visitor import Visitor

# Lets a test hold back what the worker says of the settings, and hand it on later. Other news come as ever,
# such as of a stored model that is being verified.
HOLD_BACK = """(() => {
  const held = [];
  const count = () => (document.documentElement.dataset.held = String(held.length));
  Worker.prototype.addEventListener = function (type, listener) {
    EventTarget.prototype.addEventListener.call(this, type, (event) => {
      const isOfSettings = type === "message" && String(event.data).includes('"setting-');
      if (!isOfSettings || !window.holdsBack) return listener(event);
      held.push(() => listener(event));
      count();
    });
  };
  window.handOn = (n) => {
    for (const listen of held.splice(0, n)) listen();
    count();
  };
})()"""


def field(visitor: Visitor, label: str) -> Locator:
    return visitor.page.get_by_role("dialog", name="Settings").get_by_label(label, exact=True)


def change(visitor: Visitor, label: str, value: str) -> None:
    """Type as a person does; leaving the field makes it count."""
    field(visitor, label).click()
    field(visitor, label).press("ControlOrMeta+a")
    field(visitor, label).press_sequentially(value)
    field(visitor, label).press("Tab")


def test_max_tokens_bounds_an_answer(visitor: Visitor) -> None:
    visitor.button("Settings").click()
    change(visitor, "Max tokens", "5")
    visitor.page.keyboard.press("Escape")
    visitor.ask("Tell me a short story about a rabbit named Momo who finds a shiny key.")
    expect(visitor.log).to_contain_text("stopped at Max tokens")
    visitor.button("Settings").click()
    visitor.button("Reset").click()
    expect(field(visitor, "Max tokens")).to_have_value("512")
    expect(field(visitor, "Temperature")).to_have_value("0.7")
    change(visitor, "Temperature", "0")
    visitor.page.keyboard.press("Escape")
    expect(visitor.button("Settings")).to_be_focused()
    visitor.begin_anew()
    assert visitor.ask("What is 8 plus 6?") == "8 plus 6 is 14."


def test_an_answer_ends_before_a_stop_string(visit: Visit) -> None:
    visitor = visit("/?temperature=0")
    visitor.wait_until("ready")
    visitor.button("Settings").click()
    change(visitor, "Stop strings", " plus 6 is")
    change(visitor, "Stop strings", "a" * 101)
    expect(visitor.alert).to_contain_text("There can be 16 stop strings of up to 100 characters")
    expect(field(visitor, "Stop strings")).to_have_value(" plus 6 is")
    visitor.page.keyboard.press("Escape")
    assert visitor.ask("What is 8 plus 6?") == "8"
    expect(visitor.log).to_contain_text("ended at a stop string")
    visitor.page.reload()
    visitor.wait_until("ready")
    visitor.button("Settings").click()
    expect(field(visitor, "Stop strings")).to_have_value(" plus 6 is")
    visitor.button("Reset").click()
    expect(field(visitor, "Stop strings")).to_have_value("")


def test_a_value_out_of_bounds_is_refused_in_words(visitor: Visitor) -> None:
    visitor.button("Settings").click()
    change(visitor, "Temperature", "9")
    expect(visitor.alert).to_contain_text("Temperature must be a number from 0 to 5, not '9'")
    expect(field(visitor, "Temperature")).to_have_value("0")
    change(visitor, "Temperature", "0")
    change(visitor, "Top-k", "30")
    expect(visitor.alert).to_have_count(0)
    change(visitor, "Top-k", "40")


def test_the_address_sets_what_it_names(visit: Visit) -> None:
    visitor = visit("/?temperature=0.25&seed=11&system=Be%20kind.")
    visitor.wait_until("ready")
    visitor.button("Settings").click()
    expect(field(visitor, "Temperature")).to_have_value("0.25")
    expect(field(visitor, "Top-p")).to_have_value("0.95")
    expect(field(visitor, "Seed")).to_have_value("11")
    expect(field(visitor, "System prompt")).to_have_value("Be kind.")


def test_an_address_that_asks_for_the_impossible_is_told_so(visit: Visit) -> None:
    visitor = visit("/?temperature=warm")
    visitor.wait_until("ready")
    expect(visitor.alert).to_contain_text("not 'warm'")
    assert visitor.ask("Hello!")


def test_a_new_tab_has_the_settings_of_this_device_alone(visit: Visit) -> None:
    visitor = visit("/")
    visitor.wait_until("ready")
    visitor.button("Settings").click()
    field(visitor, "KV cache").select_option("int8")
    change(visitor, "Temperature", "0.3")
    other = Visitor(visitor.context, visitor.site)
    other.open("/")
    other.wait_until("ready")
    other.button("Settings").click()
    expect(field(other, "KV cache")).to_have_value("int8")
    expect(field(other, "Temperature")).to_have_value("0.7")
    other.check()


def test_an_answer_that_comes_late_overwrites_nothing_newer(visit: Visit) -> None:
    visitor = visit("/", before=HOLD_BACK)
    visitor.wait_until("ready")
    visitor.button("Settings").click()
    visitor.page.evaluate("window.holdsBack = true")
    change(visitor, "Max tokens", "5")
    expect(visitor.root).to_have_attribute("data-held", "1")
    change(visitor, "Top-k", "7")
    expect(visitor.root).to_have_attribute("data-held", "2")
    field(visitor, "Seed").press_sequentially("11")  # and is not left yet
    for _ in range(2):
        visitor.page.evaluate("window.handOn(1)")
        expect(field(visitor, "Max tokens")).to_have_value("5")
        expect(field(visitor, "Top-k")).to_have_value("7")
        expect(field(visitor, "Seed")).to_have_value("11")
    visitor.page.evaluate("window.holdsBack = false")
    change(visitor, "Top-p", "3")  # refused, and taken back
    expect(visitor.alert).to_contain_text("Top-p must be a number from 0.01 to 1, not '3'")
    expect(field(visitor, "Top-p")).to_have_value("0.95")
    visitor.page.reload()
    visitor.wait_until("ready")
    visitor.button("Settings").click()
    expect(field(visitor, "Max tokens")).to_have_value("5")
    expect(field(visitor, "Top-k")).to_have_value("7")
    expect(field(visitor, "Seed")).to_have_value("11")
