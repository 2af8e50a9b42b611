"""What happens to the state of the page when something happens."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from bitnet.records import Progress, Timings
from bitnet.ui import state as states
from bitnet.ui.conversation import Conversation, Entry
from bitnet.ui.opening import Report
from bitnet.ui.settings import Settings
from bitnet.ui.state import Alert, ModelCard, State
from hypothesis import given
from hypothesis import strategies as st

MODEL = ModelCard("tiny", "Tiny Model", 1000, "MIT", context_length=64)
TIMINGS = Timings(prefill_tokens=12, prefill_ms=340.0, decode_tokens=50, decode_ms=500.0)


def answering(*pieces: str) -> State:
    state = states.asked(states.model_ready(State(), MODEL), "Hello!")
    for piece in pieces:
        state = states.piece_came(state, piece)
    return state


def test_a_question_comes_with_a_busy_answer() -> None:
    state = answering("Hi", " there")
    assert state.phase == "answering"
    assert state.entries == (
        Entry(0, "user", "Hello!"),
        Entry(1, "assistant", "Hi there", 0, busy=True, model="Tiny Model"),
    )


def test_the_model_is_not_told_its_own_empty_answer() -> None:
    assert [message.role for message in answering().messages()] == ["user"]


def test_a_system_prompt_comes_first() -> None:
    state = states.asked(State(settings=Settings(system="Be kind.")), "Hello!")
    assert [message.content for message in state.messages()] == ["Be kind.", "Hello!"]


def test_a_stopped_answer_ends_where_it_was_seen() -> None:
    assert states.answer_cut(answering("Once", " upon", " a"), 9).answer.text == "Once upon"


def test_an_answer_ends_with_its_speed() -> None:
    state = states.answered(answering("Hi"), "end", TIMINGS, used_tokens=62)
    assert state.phase == "ready"
    assert not state.answer.busy
    assert state.answer.remark == "100.0 tokens/s · 50 tokens · prompt 12 tokens in 0.34 s"
    assert state.used_tokens == 62


@pytest.mark.parametrize(
    ("reason", "words"), [("cancelled", "stopped"), ("length", "Max tokens"), ("context", "context full")]
)
def test_an_answer_that_was_cut_says_so(reason: str, words: str) -> None:
    assert words in states.answered(answering("Hi"), reason, TIMINGS, 0).answer.remark


def test_only_a_stop_string_of_ones_own_is_named() -> None:
    state = answering("It is.")
    own = replace(state, settings=Settings().with_fields({"stop": "So"}))
    assert "stop string" in states.answered(own, "stop", Timings(), 9).answer.remark
    assert "stop string" not in states.answered(state, "stop", Timings(), 9).answer.remark


def test_a_full_context_offers_a_new_chat() -> None:
    alert = states.answered(answering("Hi"), "context", TIMINGS, 64).alert
    assert alert is not None
    assert "64 tokens" in alert.sentence
    assert alert.offer == "new_chat"


def test_a_question_without_an_answer_is_taken_back() -> None:
    state = states.turn_failed(answering(), Alert("Too long."))
    assert state.entries == ()
    assert state.phase == "ready"


def test_an_answer_that_broke_off_stays() -> None:
    state = states.turn_failed(answering("Hi"), Alert("NaN."))
    assert [entry.text for entry in state.entries] == ["Hello!", "Hi"]
    assert not state.answer.busy


def test_a_failed_download_leaves_the_model_before_in_use() -> None:
    state = states.loading_began(states.model_ready(State(), MODEL), "Other")
    state = states.loading_failed(states.bytes_arrived(state, Progress(1, 2), 0.0), "It broke.")
    assert state.phase == "ready"
    assert state.model == MODEL
    assert state.alert == Alert("It broke. Tiny Model is still in use.")


def test_the_time_that_the_visitor_thinks_does_not_make_a_download_slower() -> None:
    state = states.loading_began(states.model_ready(State(), MODEL), "Other", can_pause=True)
    state = states.bytes_arrived(state, Progress(1, 10_000_000), 0.0)
    state = states.agreed(states.reported(state, Report("Other", "", ())))
    for second in (60, 61, 62):
        state = states.bytes_arrived(state, Progress(1_000_000 * (second - 59), 10_000_000), float(second))
    assert state.opening
    assert "1.0 MB/s" in state.opening.line()


def test_without_a_model_before_a_failed_download_is_an_error() -> None:
    state = states.loading_failed(states.loading_began(State(), "Other"), "It broke.")
    assert (state.phase, state.alert) == ("error", Alert("It broke."))


def test_another_context_is_empty_until_the_next_turn() -> None:
    before = states.answered(answering("Hi"), "end", TIMINGS, 62)
    assert states.model_changed(before, MODEL).used_tokens == 62
    smaller = states.model_changed(before, replace(MODEL, context_length=32))
    assert (smaller.used_tokens, smaller.entries) == (0, before.entries)


def test_another_model_keeps_the_conversation() -> None:
    before = states.answered(answering("Hi"), "end", TIMINGS, 62)
    after = states.model_ready(states.loading_began(before, "Other"), MODEL)
    assert after.entries == before.entries


@given(st.lists(st.tuples(st.sampled_from(["user", "assistant"]), st.text(min_size=1))), st.text())
def test_a_reload_keeps_the_conversation_and_the_settings(said: list[tuple[str, str]], system: str) -> None:
    entries = tuple(
        Entry(n, role, text, n - 1 if n else None)  # type: ignore[arg-type]
        for n, (role, text) in enumerate(said)
    )
    chat = Conversation("one", entries, len(said) - 1 if said else None)
    state = State(chat=chat, settings=Settings(system=system, max_tokens=7))
    again = states.restored(State(), states.snapshot(state))
    assert again.chat == chat
    assert again.settings == state.settings


def test_a_reload_half_way_keeps_the_part_that_was_written() -> None:
    again = states.restored(State(), states.snapshot(answering("Hi th")))
    assert [(entry.text, entry.busy) for entry in again.entries] == [("Hello!", False), ("Hi th", False)]


def test_a_snapshot_knows_the_model_in_use() -> None:
    address = "https://example.org/model.gguf"
    before = states.model_ready(State(), MODEL, address)
    assert states.restored(State(), states.snapshot(before)).address == address


@pytest.mark.parametrize(
    "saved", ["", "{", "[]", "null", "{}", '{"entries": [1]}', '{"entries": [], "settings": {"top_p": 9}}']
)
def test_a_snapshot_that_cannot_be_read_is_left_aside(saved: str) -> None:
    assert states.restored(State(), saved) == State()


def test_a_snapshot_is_json() -> None:
    assert json.loads(states.snapshot(answering("Hi")))["chat"]["entries"][1][3] == "Hi"
