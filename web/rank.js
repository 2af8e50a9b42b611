// The worker of a rank above 0: the core without Python, with its own memory, which holds this rank's part of a model.
// It takes the bytes that ranks.js sends, and makes every call that rank 0 makes (bitnet.native.peer is its twin).
// The page, which has made it, says nothing but which port leads to rank 0.

import { Exchange } from "./exchange.js";

/** @typedef {import("./ranks.js").ToRank} ToRank */
/** @typedef {import("./ranks.js").FromRank} FromRank */

const EXCHANGE_FAILED = 9;
const N_COUNTS = 3; // of 64 bits, as bn_model_count_weights gives them
const N_MEMORY_PARTS = 6; // likewise, of each rank

class Part {
  /** @type {Map<number, number>} */
  sessions = new Map();
  position = 0;
  /** @type {[status: number, sentence: string] | null} */
  failure = null;

  /** @param {any} core @param {Exchange} exchange @param {string} kernel "" for the best */
  constructor(core, exchange, kernel) {
    this.core = core;
    this.exchange = exchange;
    this.scratch = core._malloc(16);
    this.tokens = { address: 0, capacity: 0 };
    const name = kernel === "" ? 0 : this.text(kernel);
    const gather = core.addFunction(exchange.gather, "iiiiiii");
    const { rank, nRanks } = exchange;
    const status = core._bn_model_new(0n, name, 0n, rank, nRanks, gather, 0, 0, 0, this.scratch);
    if (status !== 0) throw new Error(`the core has no kernel set ${kernel} here`);
    this.model = this.pointer(this.scratch);
  }

  /** @param {number} address */
  pointer(address) {
    return this.core.HEAP32[address >>> 2] >>> 0;
  }

  /** @param {string} text */
  text(text) {
    const bytes = this.core.lengthBytesUTF8(text) + 1;
    const address = this.core._malloc(bytes);
    this.core.stringToUTF8(text, address, bytes);
    return address;
  }

  /** Bytes of the file from `offset` on; those before are not this rank's. @param {number} offset @param {Uint8Array} bytes */
  push(offset, bytes) {
    if (this.failure) return;
    const { core, model } = this;
    let status = 0;
    if (offset > this.position) status = core._bn_model_skip(model, BigInt(offset - this.position));
    for (let at = 0; at < bytes.length && status === 0; ) {
      const room = core._bn_model_window(model, this.scratch) >>> 0;
      if (room === 0) break;
      const part = bytes.subarray(at, at + room);
      core.HEAPU8.set(part, this.pointer(this.scratch));
      status = core._bn_model_commit(model, part.length);
      at += part.length;
    }
    this.position = offset + bytes.length;
    if (status !== 0) this.broke(status, this.modelError());
  }

  /** Bytes could not be taken: every later call tells the same. @param {number} status @param {string} sentence */
  broke(status, sentence) {
    this.failure = [status, sentence];
    this.exchange.report(status, sentence);
  }

  modelError() {
    return this.core.UTF8ToString(this.core._bn_model_error(this.model));
  }

  /** @param {number} number @param {string} name @param {any[]} given */
  call(number, name, given) {
    this.exchange.begin();
    let [status, sentence] = this.failure ?? this.attempt(name, given);
    if (status !== 0) this.exchange.abort();
    this.exchange.report(status, sentence);
    this.exchange.finish(number);
  }

  /** @param {string} name @param {any[]} given @returns {[status: number, sentence: string]} */
  attempt(name, given) {
    const { core, model } = this;
    try {
      if (name in this.ofModel) {
        const status = this.ofModel[name](...given);
        return [status, status === 0 ? "" : this.modelError()];
      }
      const [number, ...rest] = given;
      const session = this.sessions.get(number);
      if (session === undefined) throw new Error(`there is no session ${number}`);
      const status = this.ofSession[name](session, ...rest);
      return [status, status === 0 ? "" : core.UTF8ToString(core._bn_session_error(session))];
    } catch (error) {
      return [EXCHANGE_FAILED, `rank ${this.exchange.rank} of ${this.exchange.nRanks} has stopped (${error}): open the model again`];
    }
  }

  /** @type {Record<string, (...given: any[]) => number>} */
  ofModel = {
    next_part: () => {
      this.position = 0;
      return this.core._bn_model_next_part(this.model, 0n);
    },
    set_head: (screened) => this.core._bn_model_set_head(this.model, screened),
    finish: () => this.core._bn_model_finish(this.model),
    count_weights: (tensor) => this.core._bn_model_count_weights(this.model, tensor, this.room(2 * N_COUNTS)),
    session_new: (number, nCtx, kv) => {
      const status = this.core._bn_session_new(this.model, nCtx, kv, this.scratch);
      if (status === 0) this.sessions.set(number, this.pointer(this.scratch));
      return status;
    },
    session_free: (number) => {
      this.core._bn_session_free(this.sessions.get(number) ?? 0); // 0: it could not be made here
      this.sessions.delete(number);
      return 0;
    },
  };

  /** @type {Record<string, (session: number, ...given: any[]) => number>} */
  ofSession = {
    rewind: (session, nPositions) => this.core._bn_session_rewind(session, nPositions),
    save: (session, nPositions, index, nBytes) =>
      this.core._bn_session_save(session, nPositions, index, this.room(Math.ceil(nBytes / 4)), nBytes),
    restore: (session, index, nBytes) =>
      this.core._bn_session_restore(session, index, this.room(Math.ceil(nBytes / 4)), nBytes),
    prefill: (session, wantLogits, ...tokens) => {
      const address = this.room(tokens.length);
      this.core.HEAP32.set(tokens, address >>> 2);
      return this.core._bn_session_prefill(session, address, tokens.length, wantLogits);
    },
    decode: (session, token) => this.core._bn_session_decode(session, token),
    logits: (session) => {
      this.core._bn_session_logits(session);
      return this.core._bn_session_status(session);
    },
    set_sampling: (session, temperature, topK, topP, minP, repeatPenalty, repeatLastN, seed) =>
      this.core._bn_session_set_sampling(session, temperature, topK, topP, minP, repeatPenalty, repeatLastN, BigInt(seed)),
    sample: (session) => this.core._bn_session_sample(session, this.scratch),
    logprob: (session, token) => this.core._bn_session_logprob(session, token, this.scratch),
    top: (session, k) => {
      const address = this.room(2 * k);
      return this.core._bn_session_top(session, k, address, address + 4 * k, this.scratch);
    },
    memory: (session) => this.core._bn_session_memory(session, this.room(2 * N_MEMORY_PARTS * this.exchange.nRanks)),
  };

  /** Memory for n numbers of 32 bits, until the next call. @param {number} n */
  room(n) {
    if (n > this.tokens.capacity) {
      this.core._free(this.tokens.address);
      this.tokens = { address: this.core._malloc(4 * n) >>> 0, capacity: n };
    }
    return this.tokens.address;
  }
}

/** @type {Part | undefined} */
let part;

/** @param {Extract<ToRank, { type: "start" }>} message */
async function start({ shared, rank, nRanks, wasm, kernel }) {
  const { default: createBitnet } = await import(new URL("./core/bitnet.js", import.meta.url).href);
  const core = await createBitnet({ locateFile: () => wasm });
  part = new Part(core, new Exchange(shared, rank, nRanks, () => core.HEAPU8), kernel);
}

addEventListener("message", ({ data }) => {
  const rank0 = /** @type {MessagePort} */ (data);
  rank0.onmessage = (event) => receive(event.data, (message) => rank0.postMessage(message));
});

/** @param {ToRank} message @param {(message: FromRank) => void} tell */
async function receive(message, tell) {
  switch (message.type) {
    case "start":
      try {
        await start(message);
        return tell({ type: "started" });
      } catch (error) {
        return tell({ type: "refused", reason: String(error) });
      }
    case "push":
      part?.push(message.offset, message.bytes);
      return tell({ type: "taken", nBytes: message.bytes.length });
    case "call":
      return part?.call(message.number, message.call, message.given);
  }
}
