"""Presets of settings: chosen for a conversation, saved under a name, and kept on this device."""

from __future__ import annotations

from conftest import Visit
from playwright.sync_api import expect
from test_settings import change, field
from visitor import Visitor


def test_a_preset_is_saved_chosen_in_another_tab_renamed_and_deleted(visit: Visit) -> None:
    visitor = visit("/")
    visitor.wait_until("ready")
    visitor.button("Settings").click()
    expect(field(visitor, "Preset")).to_have_value("Balanced")
    expect(visitor.button("Delete preset")).to_be_hidden()
    change(visitor, "System prompt", "Be kind.")
    change(visitor, "Temperature", "0.35")
    field(visitor, "Name of a preset").fill("Kind")
    visitor.button("Save as preset").click()
    expect(field(visitor, "Preset")).to_have_value("Kind")
    expect(field(visitor, "Name of a preset")).to_have_value("")
    field(visitor, "Preset").select_option("Precise")
    expect(field(visitor, "Temperature")).to_have_value("0.2")
    expect(field(visitor, "System prompt")).to_have_value("Be kind.")

    other = Visitor(visitor.context, visitor.site)
    other.open("/")
    other.wait_until("ready")
    other.button("Settings").click()
    field(other, "Preset").select_option("Kind")
    expect(field(other, "Temperature")).to_have_value("0.35")
    expect(field(other, "System prompt")).to_have_value("Be kind.")
    change(other, "Temperature", "0.4")
    expect(field(other, "Preset")).to_have_value("")
    other.button("Reset").click()
    expect(field(other, "Preset")).to_have_value("Balanced")
    field(other, "Preset").select_option("Kind")
    field(other, "Name of a preset").fill("Kinder")
    other.button("Rename preset").click()
    expect(field(other, "Preset")).to_have_value("Kinder")
    other.button("Delete preset").click()
    expect(field(other, "Preset")).to_have_value("")
    expect(field(other, "Preset").get_by_role("option", name="Kinder")).to_have_count(0)
    other.check()


def test_each_conversation_has_the_preset_that_was_chosen_for_it(visit: Visit) -> None:
    visitor = visit("/")
    visitor.wait_until("ready")
    visitor.button("Settings").click()
    field(visitor, "Preset").select_option("Precise")
    expect(field(visitor, "Temperature")).to_have_value("0.2")
    visitor.page.keyboard.press("Escape")
    visitor.ask("What is 8 plus 6?")
    visitor.begin_anew()
    visitor.button("Settings").click()
    field(visitor, "Preset").select_option("Lively")
    expect(field(visitor, "Temperature")).to_have_value("1")
    visitor.page.keyboard.press("Escape")
    visitor.ask("My name is Anna.")
    conversations = visitor.page.get_by_role("complementary", name="Conversations")
    conversations.get_by_role("button", name="What is 8 plus 6?", exact=True).click()
    expect(visitor.page.locator("#preset")).to_have_value("Precise")
