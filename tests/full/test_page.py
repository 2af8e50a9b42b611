"""The page with a model of the published size: its answers, memory, and whether it stays usable."""

from __future__ import annotations

import re
import time

from conftest import LOAD_MS, N_TOKENS, PROMPT, TOO_LARGE, Native, Record, Site, model_path
from playwright.sync_api import Browser, expect
from processes import PeakMemory
from visitor import Visitor

MODEL = "bitnet-2b"
#: Longer than this and a person wonders whether the click has been noticed. On a machine so busy that a whole
#: answer of N_TOKENS takes longer, Stop must still come before as much could have been said.
STOP_S = 2.0
STILL_MS = 500
#: A second copy of the weights would be 1.19 GB; KV cache, browser and network buffers together are less.
MOST_TAB_BYTES = 2.3e9
LONG_PROMPT = (
    "The fox and the hen went to the market to buy bread, and on the way they met a wise old owl. " * 15
)

# The longest time between two pictures, which is how long the page has stood still.
WATCH_PICTURES = """() => {
  window.longestGapMs = 0;
  let last = performance.now();
  const look = (now) => {
    window.longestGapMs = Math.max(window.longestGapMs, now - last);
    last = now;
    requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
}"""


def agree(visitor: Visitor) -> None:
    """The page asks before it downloads so much."""
    visitor.page.get_by_role("dialog").get_by_role("button", name="Download").click(timeout=LOAD_MS)


def stop(visitor: Visitor) -> float:
    """Click Stop; seconds until the answer is complete."""
    clock = time.perf_counter()
    visitor.button("Stop").click()
    expect(visitor.answer).to_have_attribute("aria-busy", "false", timeout=LOAD_MS)
    return time.perf_counter() - clock


def text_of_answer(visitor: Visitor) -> str:
    expect(visitor.answer).to_have_attribute("aria-busy", "false", timeout=LOAD_MS)
    return visitor.source()


def test_the_page_stays_usable_and_answers_as_natively(
    visitor: Visitor, browser: Browser, native: Native, memory: PeakMemory, record: Record
) -> None:
    expected = native[MODEL]["answer"]
    clock = time.perf_counter()
    visitor.open(f"/?model=full/{MODEL}.gguf&temperature=0&max_tokens={N_TOKENS}")
    agree(visitor)
    size = re.compile(r"of 1187\.8 MB|of 1\.19 GB")
    expect(visitor.page.locator("#loading-text")).to_have_text(size, timeout=LOAD_MS)
    visitor.page.evaluate(WATCH_PICTURES)
    bar = visitor.page.get_by_role("progressbar")
    shown = bar.get_attribute("value") or ""
    visitor.button("Settings").click()
    expect(visitor.page.get_by_role("dialog", name="Settings")).to_be_visible()
    visitor.page.keyboard.press("Escape")
    expect(bar).not_to_have_attribute("value", shown)
    expect(visitor.root).to_have_attribute("data-state", "ready", timeout=LOAD_MS)
    load_s = time.perf_counter() - clock

    clock = time.perf_counter()
    visitor.send(PROMPT)
    answer = text_of_answer(visitor)
    answer_s = time.perf_counter() - clock
    longest_gap_ms: float = visitor.page.evaluate("() => window.longestGapMs")

    visitor.button("Settings").click()
    visitor.page.get_by_label("Max tokens").fill("400")
    visitor.page.keyboard.press("Escape")
    visitor.send(PROMPT)
    expect(visitor.answer).not_to_be_empty(timeout=LOAD_MS)
    stop_decode_s = stop(visitor)
    visitor.send(LONG_PROMPT)
    stop_prefill_s = stop(visitor)

    record(
        *("page", browser, MODEL),
        load_s=load_s,
        answer_s=answer_s,
        stop_while_decoding_s=stop_decode_s,
        stop_while_prefilling_s=stop_prefill_s,
        longest_still_ms=longest_gap_ms,
        peak_tab_mb=memory.n_bytes / 1e6,
    )
    assert answer == expected
    assert longest_gap_ms < STILL_MS
    assert stop_decode_s < max(STOP_S, answer_s)
    assert stop_prefill_s < max(STOP_S, answer_s)
    assert model_path(MODEL).stat().st_size < memory.n_bytes < MOST_TAB_BYTES


def open_too_large(visitor: Visitor) -> str:
    """Open a model of 5.1 GB; the sentence that refuses it."""
    visitor.open(f"/?model=full/{model_path(TOO_LARGE).name}")
    expect(visitor.root).to_have_attribute("data-state", "error", timeout=LOAD_MS)
    return visitor.alert.inner_text()


def test_a_model_that_cannot_fit_is_refused_after_its_header(
    visitor: Visitor, browser: Browser, server: type[Site], record: Record
) -> None:
    path = model_path(TOO_LARGE)
    clock = time.perf_counter()
    open_too_large(visitor)
    seconds = time.perf_counter() - clock
    assert server.ended[path.name].wait(30), "the download goes on"
    sent_bytes = server.sent[path.name]
    record("refusal", browser, TOO_LARGE, refused_s=seconds, sent_mb=sent_bytes / 1e6)
    assert 8e6 < sent_bytes < 64e6, "the header has 8 MB; what is under way when it is read comes on top"


def test_the_refusal_says_how_many_bytes_are_missing(visitor: Visitor) -> None:
    sentence = open_too_large(visitor)
    missing = re.search(r"([\d,]+) (bytes )?(more|are missing|missing)", sentence)
    assert missing, sentence
    least = model_path(TOO_LARGE).stat().st_size - 2**32  # of which a little is metadata
    assert 0.95 * least < int(missing[1].replace(",", "")) < least + 2**30, sentence


def test_after_a_reload_a_long_conversation_is_not_read_again(
    visitor: Visitor, browser: Browser, record: Record
) -> None:
    visitor.open(f"/?model=full/{MODEL}.gguf&temperature=0&max_tokens=8&context=1024")
    agree(visitor)
    expect(visitor.root).to_have_attribute("data-state", "ready", timeout=LOAD_MS)
    visitor.send(LONG_PROMPT)
    text_of_answer(visitor)
    n_before, before_s = prompt_of_answer(visitor)
    visitor.page.wait_for_timeout(5000)  # nothing on the page tells that the session has been stored
    visitor.page.reload()
    expect(visitor.root).to_have_attribute("data-state", "ready", timeout=LOAD_MS)
    clock = time.perf_counter()
    visitor.send("And then?")
    expect(visitor.answer).not_to_be_empty(timeout=LOAD_MS)
    first_text_s = time.perf_counter() - clock
    text_of_answer(visitor)
    n_after, after_s = prompt_of_answer(visitor)
    record(
        *("reload", browser, MODEL),
        prompt_tokens_before=n_before,
        prompt_before_s=before_s,
        prompt_tokens_after=n_after,
        prompt_after_s=after_s,
        first_text_after_s=first_text_s,
    )
    assert n_after < n_before / 4


def prompt_of_answer(visitor: Visitor) -> tuple[int, float]:
    """How many tokens of the prompt the last answer had to run, and how long that took."""
    remark = visitor.log.locator(".remark").last
    expect(remark).to_contain_text("prompt", timeout=LOAD_MS)
    found = re.search(r"prompt ([\d,]+) tokens? in ([\d.]+) s", remark.inner_text())
    assert found
    return int(found[1].replace(",", "")), float(found[2])
