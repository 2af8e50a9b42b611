"""What the page shows for a state."""

from __future__ import annotations

from dataclasses import replace

from bitnet.records import Progress, Timings
from bitnet.ui import state as states
from bitnet.ui.settings import Settings
from bitnet.ui.state import Alert, ModelCard, State
from bitnet.ui.view import Node, view

MODEL = ModelCard(
    *("tiny", "Tiny Model", 15_000_000, "MIT"),
    context_length=100,
    n_ctx_train=2048,
    kv_bytes_per_position=10_000,
    sample_prompts=("One", "Two"),
)
READY = states.model_ready(State(), MODEL)


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
    state = states.bytes_arrived(states.loading_began(State(), "Tiny Model"), Progress(7_500_000, 15_000_000))
    nodes = shown(state)
    assert nodes["loading-text"].text == "Loading Tiny Model: 7.5 MB of 15.0 MB"
    assert nodes["progress"].attributes == {"max": "15000000", "value": "7500000"}


def test_an_unknown_size_shows_no_share() -> None:
    state = states.bytes_arrived(states.loading_began(State(), "Tiny Model"), Progress(7_500_000, None))
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
    article = shown(state)["entry-1"]
    assert (article.tag, article.text) == ("article", "Hello")
    assert article.attributes["aria-busy"] == "true"
    assert "entry-1-copy" not in shown(state)
    done = shown(states.answered(state, "end", Timings(), 30))
    assert done["entry-1"].attributes["aria-busy"] == "false"
    assert done["entry-1-copy"].attributes["data-copies"] == "entry-1"
    assert done["context"].text == "30 of 100 tokens used"


def test_a_context_that_is_nearly_full_says_so() -> None:
    assert "nearly full" in shown(replace(READY, used_tokens=85))["context"].text
    assert "nearly full" not in shown(replace(READY, used_tokens=84))["context"].text


def test_a_problem_is_an_alert() -> None:
    nodes = shown(replace(READY, alert=Alert("It broke.", "new_chat")))
    assert nodes["alert"].attributes["role"] == "alert"
    assert nodes["alert-text"].text == "It broke."
    assert nodes["alert-new-chat"].attributes["data-event"] == "new_chat"
    assert "alert" not in shown(READY)


def test_what_the_address_asked_in_vain_stands_with_the_model() -> None:
    nodes = shown(replace(READY, remarks=("profile=fast has no effect.",)))
    assert "profile=fast has no effect." in [child.text for child in nodes["model-facts"].children]


def test_a_context_says_what_it_costs() -> None:
    nodes = shown(READY)
    assert "Now 100 in 1.0 MB of memory; each 1,024 take 10.2 MB." in nodes["about-context"].text
    assert "at most 2,048" in nodes["about-context"].text
    assert "100 of 2,048 tokens, 1.0 MB" in [child.text for child in nodes["model-facts"].children]


def test_the_field_for_an_own_template_is_there_when_it_is_chosen() -> None:
    assert shown(READY)["field-own_template"].attributes["hidden"] == ""
    own = replace(READY, settings=Settings(template="own"))
    assert shown(own)["field-own_template"].attributes["hidden"] is None


def test_what_is_odd_about_a_model_is_a_note() -> None:
    odd = replace(READY, model=replace(MODEL, warnings=("tokenizer.ggml.pre is missing.",)))
    assert "tokenizer.ggml.pre is missing." in [child.text for child in shown(odd)["model-facts"].children]
