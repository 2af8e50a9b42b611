"""Several cores for one model: the same bits, a rank that dies, pages that may or may not share memory."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from conftest import PROJECT, open_context
from playwright.sync_api import Browser
from test_wheel import BITS, WHEEL, Notebook
from visitor import Visitor

MODEL = "../models/tiny-tales/bitnet-tiny-i2_s.gguf"

INSTALL = """
import json, micropip
await micropip.install(json.loads(data)["wheel"])
json.dumps(None)
"""

# Ids and bytes of logits with several ranks, against those of the scalar native core.
COMPARE = """
import json, os, sys
from pathlib import Path
given = json.loads(data)
Path("bits.py").write_text(given["bits"])
sys.path.insert(0, os.getcwd())
import bits, bitnet
from bitnet.host.browser import BrowserHost
host = BrowserHost(given["kernel"], ranks)
async with await bitnet.load(given["model"], ranks=given["n"], kernel=given["kernel"], host=host) as model:
    found = await bits.differences(model, given["prompts"])
    found = [model.info.n_ranks, found, len(given["prompts"])]
json.dumps(found)
"""

# A rank dies while tokens come: one sentence, at once when it is asked again, and the next model works.
KILL = """
import json, bitnet
from bitnet.host.browser import BrowserHost
given = json.loads(data)

async def load():
    return await bitnet.load(given["model"], ranks=2, host=BrowserHost(None, ranks))

said = []
async with await load() as model:
    for attempt in range(2):
        try:
            for answer in range(1000):  # the page ends the worker when it comes to it
                async for token in model.generate([1, 2, 3], max_tokens=50, temperature=0):
                    model.engine.model.ranks._ranks.peers[0].end()
        except bitnet.BitNetError as error:
            said.append(f"{type(error).__name__}: {error}")
async with await load() as model:
    asked = [{"role": "user", "content": "What is 8 plus 6?"}]
    said.append("".join([piece async for piece in model.chat(asked, temperature=0)]))
json.dumps(said)
"""

# A browser that gives one worker and no second: the one is ended, and who asked for no number has one core.
ONE_WORKER = """
import json, logging, bitnet
from bitnet.host.browser import BrowserHost
from bitnet.ranks import Cores
given = json.loads(data)
warnings = []
handler = logging.Handler()
handler.emit = lambda record: warnings.append(record.getMessage())
logging.getLogger("bitnet").addHandler(handler)

class Host(BrowserHost):
    def cores(self):
        return Cores(most=64, usual=3)

try:
    await bitnet.load(given["model"], ranks=3, host=Host(None, ranks))
except bitnet.BitNetError as error:
    said = [f"{type(error).__name__}: {error}"]
bitnet.ranks.SMALL_FILE_BYTES = 1_000_000
async with await bitnet.load(given["model"], host=Host(None, ranks)) as model:
    said += [model.info.n_ranks, *warnings]
logging.getLogger("bitnet").removeHandler(handler)
json.dumps(said)
"""

LIMIT = """() => {
  window.Unlimited = Worker;
  window.counts = { made: 0, ended: 0 };
  window.Worker = class extends Worker {
    constructor(...given) {
      if (counts.made > counts.ended) throw new Error("there is no second worker");
      super(...given);
      counts.made++;
    }
    terminate() {
      counts.ended++;
      super.terminate();
    }
  };
}"""

# Where an engine's worker makes workers itself, Firefox under a driver stops in two of three runs of this.
AGAIN = """
import json, bitnet
from bitnet.host.browser import BrowserHost
given = json.loads(data)
counts = []
for start in range(given["n_starts"]):
    async with await bitnet.load(given["model"], ranks=3, host=BrowserHost(None, ranks)) as model:
        counts.append(model.info.n_ranks)
json.dumps(counts)
"""

REFUSED = """
import json, bitnet
from bitnet.host.browser import BrowserHost
try:
    await bitnet.load(json.loads(data)["model"], ranks=2, host=BrowserHost(None, ranks))
except bitnet.BadArgument as error:
    said = str(error)
json.dumps(said)
"""


@pytest.fixture(scope="module")
def notebook(browser: Browser, isolated_site: str) -> Iterator[Notebook]:
    """Somebody else's isolated page, with the wheel."""
    visitor = Visitor(open_context(browser), isolated_site)
    visitor.open("/test/index.html")
    notebook = Notebook(visitor)
    assert WHEEL is not None
    notebook.run(INSTALL, wheel=f"../wheels/{WHEEL.name}")
    yield notebook
    visitor.leave()


@pytest.mark.parametrize("kernel", [None, "simd128"])
@pytest.mark.parametrize("n_ranks", [1, 2, 3])
def test_any_number_of_ranks_gives_the_same_bits(
    notebook: Notebook, n_ranks: int, kernel: str | None
) -> None:
    text = (PROJECT / "tests/unit/bits.py").read_text()
    n, differences, n_prompts = notebook.run(
        COMPARE, bits=text, model=MODEL, n=n_ranks, kernel=kernel, prompts=BITS[:2]
    )
    assert n == n_ranks
    assert differences == []
    assert n_prompts == 2


def test_ranks_are_started_again_and_again(notebook: Notebook) -> None:
    assert notebook.run(AGAIN, model=MODEL, n_starts=25) == [3] * 25


def test_a_rank_that_dies_is_one_sentence_and_the_next_model_works(notebook: Notebook) -> None:
    first, second, answer = notebook.run(KILL, model=MODEL)
    assert first == "ExchangeFailed: Rank 1 of 2 has not answered for 10 seconds: open the model again."
    assert second == first
    assert answer == "8 plus 6 is 14."


def test_workers_that_cannot_be_had_leave_one_core_to_who_did_not_ask(notebook: Notebook) -> None:
    notebook.page.evaluate(LIMIT)
    said, n_ranks, warning = notebook.run(ONE_WORKER, model=MODEL)
    notebook.page.wait_for_function("counts.made > 0 && counts.made === counts.ended")
    notebook.page.evaluate("void (window.Worker = Unlimited)")
    assert said == "ExchangeFailed: 3 cores cannot be used (there is no second worker): choose 1."
    assert n_ranks == 1
    assert warning.startswith("The model gets one core: 3 cores cannot be used")


def test_a_page_that_is_not_isolated_says_why_there_is_one_rank(browser: Browser, site: str) -> None:
    visitor = Visitor(open_context(browser), site)
    visitor.open("/test/index.html")
    notebook = Notebook(visitor)
    notebook.run(INSTALL, wheel=f"../wheels/{WHEEL.name}" if WHEEL else "")
    said = notebook.run(REFUSED, model=MODEL)
    assert said.startswith("ranks=2 is not possible here, because this page is not cross-origin isolated")
    visitor.leave()


@pytest.mark.parametrize("n_ranks", [1, 2, 3, 5])
def test_rows_of_any_shape_are_exchanged(browser: Browser, isolated_site: str, n_ranks: int) -> None:
    visitor = Visitor(open_context(browser), isolated_site)
    visitor.open("/test/exchange.html")
    shapes = [[1, 4], [1, 4096], [16, 1000], [3, 2], [1, 1 << 20], [5, 700_000], [1, 3_000_001], [16, 40]] * 3
    wrong = visitor.page.evaluate("([n, shapes]) => window.exchange(n, shapes)", [n_ranks, shapes])
    assert wrong == [0] * n_ranks
    visitor.leave()


def test_two_ranks_that_fail_at_once_do_not_hold_up_the_third(browser: Browser, isolated_site: str) -> None:
    visitor = Visitor(open_context(browser), isolated_site)
    visitor.open("/test/exchange.html")
    status, lost = visitor.page.evaluate("window.aborted()")
    assert (status, lost) == (1, 0)
    visitor.leave()
