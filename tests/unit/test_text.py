"""Text is cut at UTF-8 boundaries, and a stop string never leaks."""

from bitnet.text import TextStream
from hypothesis import given
from hypothesis import strategies as st


def split(data: bytes, cuts: list[int]) -> list[bytes]:
    """*data* cut at the given places, modulo its length."""
    places = sorted({cut % (len(data) + 1) for cut in cuts})
    return [data[begin:end] for begin, end in zip([0, *places], [*places, len(data)], strict=True)]


CUTS = st.lists(st.integers(0, 10_000), max_size=20)


@given(st.text(), CUTS)
def test_any_split_of_utf8_gives_the_same_text(text: str, cuts: list[int]) -> None:
    stream = TextStream()
    said = [stream.push(piece) for piece in split(text.encode(), cuts)]
    assert "".join(said) + stream.finish() == text
    assert stream.text == text
    assert all("\ufffd" not in part for part in said) or "\ufffd" in text


@given(st.binary(), CUTS)
def test_any_split_of_any_bytes_gives_what_python_decodes(data: bytes, cuts: list[int]) -> None:
    stream = TextStream()
    said = "".join(stream.push(piece) for piece in split(data, cuts)) + stream.finish()
    assert said == data.decode(errors="replace")


def test_an_incomplete_sequence_waits_and_becomes_a_replacement_only_at_the_end() -> None:
    stream = TextStream()
    assert stream.push("€".encode()[:2]) == ""
    assert stream.finish() == "\ufffd"


@given(st.text("abX", max_size=30), st.lists(st.text("abX", min_size=1, max_size=4), max_size=3), CUTS)
def test_text_ends_before_the_first_stop_string_however_it_is_split(
    text: str, stops: list[str], cuts: list[int]
) -> None:
    stream = TextStream(stops)
    said = "".join(stream.push(piece) for piece in split(text.encode(), cuts)) + stream.finish()
    # The stop string that is complete first decides, and of those the one that begins first.
    ends = [(text.find(stop) + len(stop), text.find(stop)) for stop in stops if stop in text]
    assert stream.stopped == bool(ends)
    assert stream.text == said
    if not ends:
        assert said == text
    else:
        first_complete = min(end for end, _ in ends)
        assert text.startswith(said)
        assert len(said) <= min(begin for end, begin in ends if end == first_complete)
        assert not any(stop in said for stop in stops)


def test_a_stop_string_over_three_pieces_does_not_leak() -> None:
    stream = TextStream(["<end>"])
    assert [stream.push(piece) for piece in (b"Hi <e", b"n", b"d> more", b"!")] == ["Hi ", "", "", ""]
    assert stream.stopped
    assert stream.finish() == ""


def test_what_only_looked_like_a_stop_string_is_given_back() -> None:
    stream = TextStream(["<end>"])
    assert stream.push(b"a <en") == "a "
    assert stream.push(b"try>") == "<entry>"
    assert stream.push(b" <e") == " "
    assert stream.finish() == "<e"


@given(st.text(" aé€", max_size=8), st.lists(st.sampled_from([" ", "a ", "é"]), max_size=2), CUTS)
def test_a_space_that_comes_first_is_dropped_once_however_the_text_is_split(
    text: str, stops: list[str], cuts: list[int]
) -> None:
    def said(whole: str, *, drop_space: bool) -> str:
        stream = TextStream(stops, drop_space=drop_space)
        return "".join(stream.push(piece) for piece in split(whole.encode(), cuts)) + stream.finish()

    assert said(text, drop_space=True) == said(text.removeprefix(" "), drop_space=False)


def test_only_the_very_first_space_is_dropped() -> None:
    stream = TextStream(drop_space=True)
    assert [stream.push(piece) for piece in (b"", b" Once", b" upon")] == ["", "Once", " upon"]
