// Several cores for one model: rank 0 is the core in the engine's worker, the others are workers of their own, each
// with a part of every matrix. Python (bitnet.host.workers) starts them here, and tells what to call. The page makes
// the workers (rank_workers.js): from here on they are ports.

import { Exchange, PATIENCE_MS } from "./exchange.js";

/**
 * Bytes of a file lie at `offset` in it; what lies before them, and has not been sent, is not this rank's.
 * @typedef {{ type: "start", shared: SharedArrayBuffer, rank: number, nRanks: number, wasm: string, kernel: string }
 *   | { type: "push", offset: number, bytes: Uint8Array }
 *   | { type: "call", number: number, call: string, given: number[] }} ToRank
 */

/** @typedef {{ type: "started" } | { type: "refused", reason: string } | { type: "taken", nBytes: number }} FromRank */

/** @typedef {import("./rank_workers.js").ToPage} ToPage */

/** The module of Pyodide, which holds rank 0. @typedef {{ HEAPU8: Uint8Array,
 *   addFunction(f: Function, signature: string): number, removeFunction(pointer: number): void }} PyodideModule */

const MOST_WAITING_BYTES = 16 << 20; // on their way to one rank
const EXCHANGE_FAILED = 9;
const START_MS = 30_000; // on a slow machine, with the core still to be fetched
const CORES = { simd128: "./core/bitnet.wasm", relaxed: "./core/bitnet-relaxed.wasm" };

/**
 * What `promise` gives, or an error when it takes too long: a worker that has died says nothing.
 * @template T @param {Promise<T>} promise @param {number} ms
 * @returns {Promise<T>}
 */
function within(promise, ms) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`it has not answered for ${ms / 1000} seconds`)), ms);
    promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

/** A rank above 0, seen from here. */
class Peer {
  waitingBytes = 0;
  /** Somebody waits until bytes have been taken. */
  wake = () => {};

  /** @param {MessagePort} page */
  constructor(page) {
    const [toRank, toDesk] = [new MessageChannel(), new MessageChannel()];
    this.port = toRank.port1;
    this.desk = toDesk.port1;
    /** @type {ToPage} */
    const message = { rank: toRank.port2, desk: toDesk.port2 };
    page.postMessage(message, [message.rank, message.desk]);
  }

  /** @param {ToRank} message @param {Transferable[]} [transfer] */
  post(message, transfer = []) {
    this.port.postMessage(message, transfer);
  }

  /** @param {Extract<ToRank, { type: "start" }>} message */
  start(message) {
    const started = new Promise((resolve, reject) => {
      this.desk.onmessage = ({ data }) => reject(new Error(data));
      this.port.onmessage = ({ data }) => {
        const fromRank = /** @type {FromRank} */ (data);
        if (fromRank.type === "started") resolve(undefined);
        if (fromRank.type === "refused") reject(new Error(fromRank.reason));
        if (fromRank.type === "taken") {
          this.waitingBytes -= fromRank.nBytes;
          this.wake();
        }
      };
    });
    this.post(message);
    return within(started, START_MS);
  }

  /** @param {number} offset @param {Uint8Array} bytes a copy that is given away */
  async push(offset, bytes) {
    this.waitingBytes += bytes.length;
    this.post({ type: "push", offset, bytes }, [bytes.buffer]);
    while (this.waitingBytes > MOST_WAITING_BYTES)
      await within(new Promise((resolve) => (this.wake = () => resolve(undefined))), PATIENCE_MS);
  }

  /** Have the worker ended. */
  end() {
    this.desk.postMessage(null);
    this.port.close();
  }
}

/** The ranks of one model, seen from rank 0. To be closed, also when they could not be started. */
class Ranks {
  call = 0;
  closed = false;
  /** Why nothing goes any more. */
  lost = "";

  /** @param {PyodideModule} pyodide @param {number} nRanks @param {MessagePort} page */
  constructor(pyodide, nRanks, page) {
    this.pyodide = pyodide;
    this.nRanks = nRanks;
    this.shared = new SharedArrayBuffer(Exchange.sharedBytes(nRanks));
    this.rank0 = new Exchange(this.shared, 0, nRanks, () => pyodide.HEAPU8);
    /** For bn_model_new. */
    this.exchange = pyodide.addFunction(
      /** @type {typeof this.rank0.gather} */
      (...given) => (this.lost || this.closed ? 1 : this.rank0.gather(...given)),
      "iiiiiii",
    );
    this.peers = Array.from({ length: nRanks - 1 }, () => new Peer(page));
  }

  /**
   * @param {keyof typeof CORES} set
   * @param {string} kernel "" for the best
   */
  async start(set, kernel) {
    const wasm = new URL(CORES[set], import.meta.url).href;
    const { shared, nRanks } = this;
    await Promise.all(this.peers.map((peer, n) => peer.start({ type: "start", shared, rank: n + 1, nRanks, wasm, kernel })));
  }

  /**
   * Give a rank `nBytes` at `address` of Pyodide's memory, which lie at `offset` of the file.
   * @param {number} rank @param {number} offset @param {number} address @param {number} nBytes
   * @returns {Promise<[status: number, sentence: string] | null>} what it has made of earlier ones
   */
  async push(rank, offset, address, nBytes) {
    try {
      await this.peers[rank - 1].push(offset, this.pyodide.HEAPU8.slice(address, address + nBytes));
    } catch {
      return this.lose(rank);
    }
    return this.rank0.failureOf(rank);
  }

  /** @param {string} call @param {number[]} given */
  begin(call, ...given) {
    if (this.lost || this.closed) return;
    this.call += 1;
    this.rank0.reset();
    this.rank0.begin();
    for (const peer of this.peers) peer.post({ type: "call", number: this.call, call, given });
  }

  /**
   * Wait until the others have made the call.
   * @param {boolean} failed rank 0 has not
   * @returns {[status: number, sentence: string] | null} what went wrong with them: rather a cause than a consequence
   */
  end(failed) {
    if (this.closed) return null;
    if (this.lost) return [EXCHANGE_FAILED, this.lost];
    if (failed) this.rank0.abort();
    const failures = [];
    for (let rank = 1; rank < this.nRanks; rank++) {
      if (this.rank0.lost === rank || !this.rank0.hasFinished(rank, this.call)) return this.lose(rank);
      const failure = this.rank0.failureOf(rank);
      if (failure) failures.push(failure);
    }
    return failures.find(([status]) => status !== EXCHANGE_FAILED) ?? failures[0] ?? null;
  }

  /** @param {number} rank @returns {[status: number, sentence: string]} */
  lose(rank) {
    this.lost = `rank ${rank} of ${this.nRanks} has not answered for ${PATIENCE_MS / 1000} seconds: open the model again`;
    return [EXCHANGE_FAILED, this.lost];
  }

  close() {
    if (this.closed) return;
    this.closed = true;
    for (const peer of this.peers) peer.end();
    this.pyodide.removeFunction(this.exchange);
  }
}

/**
 * What Python takes to share models between cores.
 * @param {MessagePort} page `rankPort()` of rank_workers.js, from the page
 */
export const ranksFrom = (page) => ({
  /** @param {PyodideModule} pyodide @param {number} nRanks */
  make: (pyodide, nRanks) => new Ranks(pyodide, nRanks, page),
});
