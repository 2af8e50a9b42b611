"""Text of a form or an address becomes settings, or a sentence."""

from __future__ import annotations

import pytest
from bitnet.errors import BadArgument
from bitnet.ui.query import parse_query
from bitnet.ui.settings import Settings


def test_the_fields_of_settings_give_the_same_settings() -> None:
    settings = Settings.of_sampling({"temperature": 0.35, "top_p": 0.5, "seed": 7})
    assert Settings().with_fields(settings.fields()) == settings


def test_an_empty_seed_draws_a_new_one() -> None:
    assert Settings.of_sampling({"seed": 7}).with_fields({"seed": " "}).sampling.seed is None


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("temperature", "9", "Temperature must be a number from 0 to 5, not '9'"),
        ("temperature", "warm", "not 'warm'"),
        ("temperature", "nan", "not 'nan'"),
        ("top_p", "0", "Top-p must be"),
        ("max_tokens", "0", "Max tokens must be a whole number"),
        ("max_tokens", "2.5", "whole number"),
        ("seed", "-1", "Seed must be"),
        ("context", "0", "Context length must be a whole number"),
        ("kv", "int4", "kv=int4 has no effect: choose f16 or int8"),
        ("stop", "a" * 101, "There can be 16 stop strings of up to 100 characters"),
        ("stop", "\n".join(map(str, range(17))), "those before stay"),
        ("template", "vicuna", "There is no chat template 'vicuna': choose one of chatml"),
    ],
)
def test_a_value_out_of_bounds_is_refused_in_words(name: str, text: str, words: str) -> None:
    with pytest.raises(BadArgument, match="(?s)" + words.replace("(", r"\(")):
        Settings().with_fields({name: text})


def test_stop_strings_are_lines_of_text() -> None:
    assert Settings().stops == ()
    stops = Settings().with_fields({"stop": "\nThe end\r\n\\n\\n\nThe end\n a\\tb \n"}).stops
    assert stops == ("The end", "\n\n", " a\tb ")


def test_stop_strings_belong_to_a_conversation() -> None:
    settings = Settings().with_fields({"stop": "The end"})
    assert Settings().with_chat(settings).stops == ("The end",)
    assert Settings.from_json(settings.to_json()) == settings


def test_an_empty_context_is_the_usual_one() -> None:
    settings = Settings().with_fields({"context": "2048"})
    assert settings.context == 2048
    assert settings.with_fields({"context": ""}).context is None


def test_an_own_template_counts_only_when_it_is_chosen_and_written() -> None:
    settings = Settings().with_fields({"own_template": "{{ messages }}"})
    assert settings.chat_template is None
    assert settings.with_fields({"template": "chatml"}).chat_template == "chatml"
    assert settings.with_fields({"template": "own"}).chat_template == "{{ messages }}"
    assert settings.with_fields({"template": "own", "own_template": " "}).chat_template is None


def test_an_address_names_model_kernel_and_settings() -> None:
    query = parse_query("?model=a%20b.gguf&kernel=scalar&temperature=0&system=Be+kind.&other=1")
    assert (query.model, query.kernel) == ("a b.gguf", "scalar")
    assert query.fields == {"temperature": "0", "system": "Be kind."}
    assert query.remarks == ()


def test_what_has_no_effect_is_said() -> None:
    query = parse_query("?ranks=4&profile=small&kv=")
    assert query.remarks == (
        "kv= has no effect: choose f16 or int8.",
        "profile=small has no effect: choose fast or lean.",
    )
    assert query.fields == {"ranks": "4"}


def test_an_address_chooses_what_takes_less_memory() -> None:
    settings = Settings().with_fields(parse_query("?profile=lean&kv=int8").fields)
    assert (settings.profile, settings.kv) == ("lean", "int8")
    settings = Settings().with_fields(parse_query("").fields)
    assert (settings.profile, settings.kv) == ("fast", "f16")
