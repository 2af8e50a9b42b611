// The worker that hashes one file: the next slice is read while this one is hashed. A File is read without a lock, so the
// engine may open it meanwhile.

import "./hash-wasm/hash-wasm.js"; // sets globalThis.hashwasm

/** @typedef {import("./storage_port.js").FromDigest} FromDigest */
/** @typedef {{ init(): void, update(bytes: Uint8Array): void, digest(): string }} Hasher */

const SLICE_BYTES = 4 << 20;

const { createSHA256 } = /** @type {{ hashwasm: { createSHA256(): Promise<Hasher> } }} */ (/** @type {unknown} */ (globalThis))
  .hashwasm;

/** @param {FromDigest} message */
const tell = (message) => postMessage(message);

addEventListener("message", ({ data }) => {
  digest(data).then(
    (hash) => tell({ hash }),
    (error) => tell({ failed: error instanceof Error ? error.message : String(error) }),
  );
});

/** @param {File} file */
async function digest(file) {
  const hasher = await createSHA256();
  hasher.init();
  /** @param {number} begin */
  const read = (begin) => file.slice(begin, begin + SLICE_BYTES).arrayBuffer();
  let coming = read(0);
  for (let nBytes = 0; nBytes < file.size; ) {
    const bytes = await coming;
    nBytes += bytes.byteLength;
    coming = read(nBytes);
    coming.catch(() => {}); // is awaited in the next round, or not needed
    hasher.update(new Uint8Array(bytes));
    tell({ nBytes });
  }
  return hasher.digest();
}
