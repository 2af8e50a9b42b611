// The memory that the ranks of a model share, and the exchange of the core over it (bn_exchange_fn in bitnet.h):
// every rank writes its part of some rows, and reads the others' when all have written. Used by rank 0, in the
// engine's worker (ranks.js), and by the others (rank.js).
//
// Two buffers take turns, so one meeting per exchange is enough: who writes into a buffer again has met the others
// since, and they had finished reading it by then.

// A waiting rank looks so often before it sleeps. Where the others come while it looks, or soon after, it looks longer
// the next time, up to some 200 us: waking up costs 50 to 100. Where they let it sleep it looks half as long: on a busy
// machine a rank that only looks may keep the very one that it waits for from running.
const LEAST_LOOKS = 50;
const MOST_LOOKS = 20_000;
const SOON_MS = 0.2;
/** A rank that is so late has died, or its tab is being taken down. */
export const PATIENCE_MS = 10_000;

const BUFFER_BYTES = 1 << 20;
const SENTENCE_BYTES = 1024;
const LINE = 32; // cells, 128 bytes: what is written often by different ranks lies on different cache lines
const ABORTED = 0;
const ARRIVED = LINE; // how often ranks have come to a meeting since the call began
const FAR_AWAY = 1 << 30; // more meetings than any call has
const FINISHED = 0; // of each rank: the number of the last call that it has made, what came of it, and the
const STATUS = 1; //   length of the sentence about that; and how many exchanges of this call it has come to
const LENGTH = 2;
const ROUND = 3;

export class Exchange {
  /** @param {number} nRanks */
  static sharedBytes(nRanks) {
    return 4 * LINE * (2 + nRanks) + SENTENCE_BYTES * nRanks + 2 * BUFFER_BYTES;
  }

  /**
   * @param {SharedArrayBuffer} shared of `sharedBytes`
   * @param {number} rank
   * @param {number} nRanks
   * @param {() => Uint8Array} heap this rank's memory as it is now: growth replaces it
   */
  constructor(shared, rank, nRanks, heap) {
    this.rank = rank;
    this.nRanks = nRanks;
    this.heap = heap;
    this.cells = new Int32Array(shared, 0, LINE * (2 + nRanks));
    const sentences = this.cells.byteLength;
    this.sentences = new Uint8Array(shared, sentences, SENTENCE_BYTES * nRanks);
    this.buffers = [0, 1].map((n) => new Uint8Array(shared, sentences + SENTENCE_BYTES * nRanks + n * BUFFER_BYTES, BUFFER_BYTES));
    this.round = 0;
    this.looks = MOST_LOOKS;
    /** The rank that was waited for in vain, 0 for none. */
    this.lost = 0;
  }

  /** @param {number} rank @param {number} name */
  cell(rank, name) {
    return LINE * (2 + rank) + name;
  }

  // ---- Calls ----

  /** Rank 0, while no rank is in a call: everything as before the first exchange. */
  reset() {
    Atomics.store(this.cells, ABORTED, 0);
    Atomics.store(this.cells, ARRIVED, 0);
    for (let rank = 0; rank < this.nRanks; rank++) Atomics.store(this.cells, this.cell(rank, ROUND), 0);
  }

  /** Every rank, at the beginning of a call. */
  begin() {
    this.round = 0;
  }

  /** Exchanges of this call end with an error from now on, for all ranks. */
  abort() {
    // Who is about to sleep sees that something has changed. Only the first adds: twice as much is a negative number.
    if (Atomics.exchange(this.cells, ABORTED, 1) === 0) Atomics.add(this.cells, ARRIVED, FAR_AWAY);
    Atomics.notify(this.cells, ARRIVED);
  }

  /** What came of a call, or of bytes of the file: said before `finish`. @param {number} status @param {string} sentence */
  report(status, sentence) {
    const bytes = new TextEncoder().encode(sentence).subarray(0, SENTENCE_BYTES);
    this.sentences.set(bytes, SENTENCE_BYTES * this.rank);
    Atomics.store(this.cells, this.cell(this.rank, LENGTH), bytes.length);
    Atomics.store(this.cells, this.cell(this.rank, STATUS), status);
  }

  /** This rank has made call number `call`. @param {number} call */
  finish(call) {
    const cell = this.cell(this.rank, FINISHED);
    Atomics.store(this.cells, cell, call);
    Atomics.notify(this.cells, cell);
  }

  /** Wait until `rank` has made call number `call`; false if it does not come. @param {number} rank @param {number} call */
  hasFinished(rank, call) {
    const cell = this.cell(rank, FINISHED);
    for (let last; (last = Atomics.load(this.cells, cell)) !== call; )
      if (Atomics.wait(this.cells, cell, last, PATIENCE_MS) === "timed-out") return false;
    return true;
  }

  /** What `rank` has reported: null if all is well. @param {number} rank @returns {[status: number, sentence: string] | null} */
  failureOf(rank) {
    const status = Atomics.load(this.cells, this.cell(rank, STATUS));
    if (status === 0) return null;
    const begin = SENTENCE_BYTES * rank;
    const length = Atomics.load(this.cells, this.cell(rank, LENGTH));
    return [status, new TextDecoder().decode(this.sentences.slice(begin, begin + length))];
  }

  // ---- The exchange ----

  /**
   * As bn_exchange_fn. What is larger than a buffer goes through it in several steps.
   * @param {number} _user @param {number} data @param {number} nRows @param {number} rowBytes
   * @param {number} begin @param {number} end
   */
  gather = (_user, data, nRows, rowBytes, begin, end) => {
    const total = nRows * rowBytes;
    for (let from = 0; from < total; from += BUFFER_BYTES)
      if (!this.step(data >>> 0, rowBytes, begin, end, from, Math.min(total, from + BUFFER_BYTES))) return 1;
    return 0;
  };

  /**
   * The bytes [from, to) of the rows.
   * @param {number} data @param {number} rowBytes @param {number} begin @param {number} end
   * @param {number} from @param {number} to
   */
  step(data, rowBytes, begin, end, from, to) {
    const heap = this.heap();
    const buffer = this.buffers[this.round & 1];
    const firstRow = Math.floor(from / rowBytes);
    for (let row = firstRow; row * rowBytes < to; row++) {
      const first = Math.max(from, row * rowBytes + begin);
      const last = Math.min(to, row * rowBytes + end);
      if (first < last) buffer.set(heap.subarray(data + first, data + last), first - from);
    }
    if (!this.meet()) return false;
    let at = from; // all before is here already
    for (let row = firstRow; row * rowBytes < to; row++) {
      const first = Math.min(to, Math.max(from, row * rowBytes + begin));
      if (at < first) heap.set(buffer.subarray(at - from, first - from), data + at);
      at = Math.min(to, Math.max(from, row * rowBytes + end));
    }
    if (at < to) heap.set(buffer.subarray(at - from, to - from), data + at);
    return true;
  }

  /** Wait until all ranks have come here; false when one has failed. */
  meet() {
    const { cells } = this;
    this.round += 1;
    Atomics.store(cells, this.cell(this.rank, ROUND), this.round);
    const all = this.round * this.nRanks;
    if (Atomics.add(cells, ARRIVED, 1) + 1 === all) {
      Atomics.notify(cells, ARRIVED);
      return true;
    }
    let look = 0;
    while (look < this.looks && Atomics.load(cells, ARRIVED) < all) look++;
    const begin = performance.now();
    for (let arrived; (arrived = Atomics.load(cells, ARRIVED)) < all; )
      if (Atomics.wait(cells, ARRIVED, arrived, PATIENCE_MS) === "timed-out") {
        this.lost = this.lateRank();
        this.abort();
      }
    const soon = look < this.looks || performance.now() - begin < SOON_MS;
    this.looks = soon ? Math.min(MOST_LOOKS, 2 * this.looks) : Math.max(LEAST_LOOKS, this.looks >> 1);
    return Atomics.load(cells, ABORTED) === 0;
  }

  /** The first rank that has not come to this meeting. */
  lateRank() {
    let rank = 0;
    while (rank < this.nRanks - 1 && Atomics.load(this.cells, this.cell(rank, ROUND)) >= this.round) rank++;
    return rank;
  }
}
