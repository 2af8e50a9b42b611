// window.wllama: load(url), then measure(tokens) as often as wanted. One thread, no GPU, nothing of a prompt reused.
import { Wllama } from "../built/node_modules/@wllama/wllama/esm/index.js";

const PROMPT = "Sailors who came home at night needed a sign."; // short: it runs at one token a second
const WINDOW_TOKENS = 4; // of which the mean is taken, as in subject.py

const quiet = () => {};
const wllama = new Wllama(
  { default: "../built/node_modules/@wllama/wllama/esm/wasm/wllama.wasm" },
  { logger: { debug: quiet, log: quiet, warn: quiet, error: console.error }, allowOffline: true },
);
let n_runs = 0;

/** Random weights say bytes that are no UTF-8 now and then, and wllama fails at them: another prompt has other bytes. */
async function attempted(work, n_attempts = 5) {
  for (let left = n_attempts - 1; ; left -= 1) {
    try {
      return await work();
    } catch (error) {
      if (left === 0) throw error;
    }
  }
}

async function complete(tokens) {
  n_runs += 1;
  const times = [];
  let timings;
  const stream = await wllama.createCompletion({
    prompt: `${n_runs}. ${PROMPT}`, // another beginning each time
    max_tokens: tokens,
    temperature: 0,
    ignore_eos: true,
    cache_prompt: false,
    stream: true,
  });
  for await (const chunk of stream) {
    timings = chunk.timings ?? timings;
    if (chunk.choices?.length) times.push(performance.now());
  }
  const windows = times.slice(WINDOW_TOKENS).map((end, index) => (end - times[index]) / WINDOW_TOKENS);
  return {
    token_ms: Math.min(timings.predicted_per_token_ms, ...windows),
    prefill_tokens_per_s: timings.prompt_per_second,
  };
}

window.wllama = {
  async load(url) {
    const begin = performance.now();
    await wllama.loadModelFromUrl(new URL(url, location.href).href, { n_threads: 1, n_ctx: 512, n_gpu_layers: 0, n_parallel: 1 });
    return { load_ms: performance.now() - begin };
  },
  measure: (tokens) => attempted(() => complete(tokens)),
};
document.documentElement.dataset.state = "loaded";
