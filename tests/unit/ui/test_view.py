"""What the page shows for a state."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from bitnet.records import Progress, Timings
from bitnet.ui import state as states
from bitnet.ui.conversation import Conversation
from bitnet.ui.node import Node
from bitnet.ui.opening import Choice, Report
from bitnet.ui.settings import Settings
from bitnet.ui.state import Alert, ModelCard, State
from bitnet.ui.stored import Shelf, StoredCard
from bitnet.ui.tokens import Alternative, Piece
from bitnet.ui.view import view

MODEL = ModelCard(
    *("tiny", "Tiny Model", 15_000_000, "MIT"),
    context_length=100,
    n_ctx_train=2048,
    kv_bytes_per_position=(("f16", 10_000), ("int8", 5_156)),
    screen_bytes=2_000_000,
    sample_prompts=("One", "Two"),
)
READY = states.model_ready(State(chat=Conversation("one")), MODEL)


def shown(state: State) -> dict[str, Node]:
    """Every node of the view by its id."""
    nodes: dict[str, Node] = {}
    waiting = list(view(state))
    while waiting:
        node = waiting.pop()
        assert node.id not in nodes, "an id must be unique"
        nodes[node.id] = node
        waiting += node.children
    return nodes


def test_nothing_can_be_sent_before_there_is_a_model() -> None:
    nodes = shown(State())
    assert nodes["page"].attributes["data-state"] == "starting"
    assert nodes["send"].attributes["disabled"] == ""
    assert nodes["loading"].attributes["hidden"] is None


def test_a_download_shows_its_bytes() -> None:
    state = states.bytes_arrived(
        states.loading_began(State(), "Tiny Model"), Progress(7_500_000, 15_000_000), 0.0
    )
    nodes = shown(state)
    assert nodes["loading-text"].text == "Loading Tiny Model: 7.5 MB of 15.0 MB"
    assert nodes["progress"].attributes == {"max": "15000000", "value": "7500000"}


def test_a_conversation_of_another_model_says_who_goes_on() -> None:
    state = states.asked(READY, "Hello!")
    assert shown(state)["handover"].text == ""
    state = states.model_ready(states.piece_came(state, "Hi"), replace(MODEL, title="Large Model"))
    assert shown(state)["handover"].text == "Answered by Tiny Model; Large Model will continue."
    assert shown(states.model_let_go(state))["handover"].text == ""
    again = states.asked(states.answered(state, "end", Timings(), 9), "And now?")
    assert shown(again)["handover"].text == ""


def test_a_long_question_shows_how_far_it_has_been_read() -> None:
    state = states.asked(READY, "A long question")
    nodes = shown(states.reading_went_on(state, 320, 1200))
    assert nodes["loading"].attributes.get("hidden") is None
    assert nodes["loading-text"].text == "Reading your message: 320 of 1,200 tokens"
    assert nodes["progress"].attributes == {"max": "1200", "value": "320"}
    done = states.reading_went_on(states.reading_went_on(state, 320, 1200), 1200, 1200)
    assert shown(done)["loading"].attributes["hidden"] == ""


def test_an_unknown_size_shows_no_share() -> None:
    state = states.bytes_arrived(states.loading_began(State(), "Tiny Model"), Progress(7_500_000, None), 0.0)
    assert shown(state)["progress"].attributes["value"] is None


def test_an_empty_chat_offers_the_sample_prompts() -> None:
    nodes = shown(READY)
    assert nodes["hint"].attributes["hidden"] is None
    assert [child.children[0].text for child in nodes["samples"].children] == ["One", "Two"]
    assert "demonstration" in nodes["hint-text"].text
    assert shown(states.asked(READY, "Hi"))["hint"].attributes["hidden"] == ""


def test_the_button_stops_while_answering() -> None:
    assert shown(READY)["send"].text == "Send"
    button = shown(states.asked(READY, "Hi"))["send"]
    assert (button.text, button.attributes["data-action"]) == ("Stop", "stop")
    assert button.attributes["disabled"] is None


def test_an_answer_is_busy_until_it_ends() -> None:
    state = states.piece_came(states.asked(READY, "Hi"), "Hello")
    article = shown(state)["entry-one-1"]
    assert (article.tag, article.text) == ("article", "Hello")
    assert article.attributes["aria-busy"] == "true"
    assert "entry-one-1-copy" not in shown(state)
    done = shown(states.answered(state, "end", Timings(), 30))
    assert done["entry-one-1"].attributes["aria-busy"] == "false"
    assert done["entry-one-1-copy"].attributes["data-copies"] == "entry-one-1"
    assert done["context"].text == "30 of 100 tokens used"


def test_a_context_that_is_nearly_full_says_so() -> None:
    assert "nearly full" in shown(replace(READY, used_tokens=85))["context"].text
    assert "nearly full" not in shown(replace(READY, used_tokens=84))["context"].text


def test_a_problem_is_an_alert() -> None:
    nodes = shown(replace(READY, alert=Alert("It broke.", "new_chat")))
    assert nodes["alert"].attributes["role"] == "alert"
    assert nodes["alert-text"].text == "It broke."
    assert nodes["alert-offer"].attributes["data-event"] == "new_chat"
    assert "alert" not in shown(READY)


def test_what_the_address_asked_in_vain_stands_with_the_model() -> None:
    nodes = shown(replace(READY, remarks=("profile=fast has no effect.",)))
    assert "profile=fast has no effect." in [child.text for child in nodes["model-facts"].children]


def test_a_context_says_what_it_costs() -> None:
    nodes = shown(READY)
    assert "Now 100 in 1.0 MB of memory; each 1,024 take 10.2 MB." in nodes["about-context"].text
    assert "at most 2,048" in nodes["about-context"].text
    assert "100 of 2,048 tokens, 1.0 MB" in [child.text for child in nodes["model-facts"].children]


def test_what_takes_less_memory_says_how_much_less() -> None:
    nodes = shown(READY)
    assert "For 100 tokens 16 bits take 1.0 MB, 8 bits 0.5 MB." in nodes["about-kv"].text
    assert "The copy takes 2.0 MB." in nodes["about-profile"].text
    nodes = shown(states.model_ready(State(), replace(MODEL, kv="int8", screen_bytes=0)))
    assert "100 of 2,048 tokens, 0.5 MB in 8 bits" in [child.text for child in nodes["model-facts"].children]
    assert "there is no copy" in nodes["about-profile"].text


def test_the_field_for_an_own_template_is_there_when_it_is_chosen() -> None:
    assert shown(READY)["field-own_template"].attributes["hidden"] == ""
    own = replace(READY, settings=Settings(template="own"))
    assert shown(own)["field-own_template"].attributes["hidden"] is None


def test_what_is_odd_about_a_model_is_a_note() -> None:
    odd = replace(READY, model=replace(MODEL, warnings=("tokenizer.ggml.pre is missing.",)))
    assert "tokenizer.ggml.pre is missing." in [child.text for child in shown(odd)["model-facts"].children]


# ---- Models on their way, and stored ----

OPENING = states.loading_began(READY, "Big", can_pause=True)
REPORT = Report("Big", "From example.org.", (("Size", "1.19 GB"), ("Memory", "1.25 GB")))
STORED = StoredCard(
    *("k1", "Big", "https://example.org/big.gguf", 60_000_000, 60_000_000), complete=True, checkable=True
)


def downloading(**fields: Any) -> State:
    return states.bytes_arrived(OPENING, Progress(30_000_000, 60_000_000, **fields), 0.0)


def test_the_model_before_answers_while_another_one_comes() -> None:
    nodes = shown(OPENING)
    assert nodes["page"].attributes["data-state"] == "loading"
    assert nodes["model-name"].text == "Big"
    assert nodes["send"].attributes["disabled"] is None
    nodes = shown(states.asked(OPENING, "Hi"))
    assert nodes["page"].attributes["data-state"] == "answering"
    assert nodes["loading"].attributes["hidden"] is None


def test_a_download_that_lasts_can_be_paused_and_cancelled() -> None:
    assert shown(downloading())["loading-actions"].attributes["hidden"] == ""
    nodes = shown(downloading(state="waiting", retry_in_s=4.0))
    assert nodes["loading-actions"].attributes["hidden"] is None
    assert (nodes["pause"].text, nodes["pause"].attributes["data-event"]) == ("Pause", "pause")
    nodes = shown(downloading(state="paused"))
    assert (nodes["pause"].text, nodes["pause"].attributes["data-event"]) == ("Continue", "go_on")


def test_what_is_unusual_about_a_download_is_said() -> None:
    assert shown(downloading(remark="It is not stored."))["loading-remark"].text == "It is not stored."


def test_a_report_is_a_dialog_until_it_is_answered() -> None:
    assert shown(OPENING)["review"].attributes["data-open"] is None
    asking = states.reported(OPENING, REPORT)
    nodes = shown(asking)
    assert nodes["review"].attributes["data-open"] == ""
    assert nodes["review-title"].text == "Download Big?"
    assert [child.text for child in nodes["review-facts"].children] == [
        "Size",
        "1.19 GB",
        "Memory",
        "1.25 GB",
    ]
    assert nodes["download"].attributes["hidden"] is None
    assert shown(states.agreed(asking))["review"].attributes["data-open"] is None


def test_several_models_are_a_choice() -> None:
    nodes = shown(states.asked_to_choose(OPENING, (Choice("a.gguf", "60.0 MB"), Choice("b.gguf", "1.19 GB"))))
    assert nodes["review"].attributes["data-open"] == ""
    assert nodes["download"].attributes["hidden"] == ""
    take = nodes["choice-1-take"].attributes
    assert (take["data-event"], take["data-number"], take["aria-label"]) == ("choose", "1", "Choose b.gguf")


def offered(card: StoredCard, deleting: str = "") -> list[str]:
    """What the buttons of a stored model are called."""
    nodes = shown(replace(READY, shelf=Shelf((card,), deleting=deleting)))
    return [
        node.attributes["aria-label"] or ""
        for name, node in sorted(nodes.items())
        if name.startswith("stored-k1-") and node.tag == "button"
    ]


def test_a_stored_model_can_be_opened_verified_exported_and_deleted() -> None:
    assert offered(STORED) == ["Delete Big", "Export Big", "Open stored Big", "Verify Big"]


def test_only_a_model_with_a_known_hash_can_be_verified() -> None:
    assert "Verify Big" not in offered(replace(STORED, checkable=False))


def test_a_part_of_a_model_can_be_continued() -> None:
    assert offered(replace(STORED, complete=False)) == ["Delete Big", "Continue Big"]


def test_a_damaged_model_can_be_repaired_or_deleted_but_not_opened() -> None:
    assert offered(replace(STORED, check="damaged")) == ["Delete Big", "Repair Big"]


def test_a_model_is_deleted_when_that_is_said_twice() -> None:
    assert offered(STORED, deleting="k1") == ["Keep Big", "Delete Big now"]


def test_news_are_no_alert() -> None:
    news = Alert("The download of Big was not finished.", "open_stored", "k1", is_problem=False)
    nodes = shown(replace(READY, alert=news))
    assert "alert" not in nodes
    assert nodes["status"].attributes["role"] == "status"
    assert nodes["alert-offer"].attributes["data-key"] == "k1"


def test_an_offer_whose_size_nobody_has_noted_says_when_it_is_known() -> None:
    for size_bytes, words in ((15_000_000, "15.0 MB · MIT"), (None, "size shown before the download · MIT")):
        card = replace(MODEL, size_bytes=size_bytes)
        nodes = shown(states.catalogue_read(State(), (card,)))
        assert nodes["catalogue-tiny-facts"].text == words


def test_an_answer_is_shown_as_its_tokens() -> None:
    chat = Conversation("one").asked("How many?")
    state = states.tokens_asked(replace(READY, chat=chat.changed(1, text="14.\nYes", busy=False)), 1)
    for piece in (
        Piece("14.\n", 0.04, (Alternative(" four", 0.5), Alternative("", 0.1, "<end>"))),
        Piece("Y", 1),
    ):
        state = states.token_came(state, piece)
    nodes = shown(state)
    assert nodes["entry-one-1"].attributes["hidden"] == ""
    assert nodes["entry-one-1-spell"].attributes["aria-pressed"] == "true"
    token = nodes["entry-one-1-token-0"]
    assert (token.text, token.attributes["data-shade"]) == ("14.↵", "4")
    assert token.attributes["aria-label"] == "14., 4.0%"
    assert nodes["entry-one-1-rest"].text == "es"
    assert nodes["alternatives"].attributes["data-open"] is None
    nodes = shown(states.token_chosen(state, 0))
    assert nodes["alternatives"].attributes["data-open"] == "entry-one-1-token-0"
    assert nodes["alternative-0-button"].attributes["aria-label"] == "Continue from four, 50%"
    assert nodes["alternative-0-text"].text == "␣four"
    assert "alternative-1-button" not in nodes
    assert nodes["alternative-1-text"].text == "<end>"
