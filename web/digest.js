// The worker that hashes one file, through one buffer. A File is read without a lock, so the engine may open it meanwhile.

import "./hash-wasm/hash-wasm.js"; // sets globalThis.hashwasm

/** @typedef {import("./storage_port.js").FromDigest} FromDigest */
/** @typedef {{ read(view: Uint8Array, options: { min: number }): Promise<{ value?: Uint8Array<ArrayBuffer> }> }} Reader */
/** @typedef {{ init(): void, update(bytes: Uint8Array): void, digest(): string }} Hasher */

const BUFFER_BYTES = 1 << 20;

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
  const reader = readerOf(file);
  let buffer = new ArrayBuffer(BUFFER_BYTES);
  for (let nBytes = 0; nBytes < file.size; ) {
    const min = Math.min(BUFFER_BYTES, file.size - nBytes); // few large reads: each is a message
    const { value } = await reader.read(new Uint8Array(buffer), { min });
    if (!value?.byteLength) throw new Error("the file ended too early");
    hasher.update(value);
    nBytes += value.byteLength;
    buffer = value.buffer; // the same memory: slices would pile up by the hundred megabytes
    tell({ nBytes });
  }
  return hasher.digest();
}

/** In a browser whose files are no byte streams, reads bring memory of their own. @param {File} file @returns {Reader} */
function readerOf(file) {
  try {
    return /** @type {Reader} */ (file.stream().getReader({ mode: "byob" }));
  } catch {
    return /** @type {Reader} */ (/** @type {unknown} */ (file.stream().getReader()));
  }
}
