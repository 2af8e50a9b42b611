// Stored files, seen from the engine's worker: what Python (bitnet.host.opfs) lets the page do for it.

/** @typedef {import("./storage_port.js").ToPage} ToPage */
/** @typedef {import("./storage_port.js").FromDigest} FromDigest */

const PATIENCE_MS = 1000; // a browser that asks the visitor may wait for days

/** @param {MessagePort} page `storagePort()` of storage_port.js, from the page */
export const storageFrom = (page) => ({
  /** Why files cannot be stored here, "" if they can. */
  async obstacle() {
    try {
      await navigator.storage.getDirectory();
      return "";
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  },

  /** Whether the browser will not clear the storage by itself, as far as it says so at once. @returns {Promise<boolean>} */
  persist: () =>
    new Promise((resolve) => {
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = ({ data }) => resolve(data);
      setTimeout(() => resolve(false), PATIENCE_MS);
      send(page, { ask: "persist", answer: port2 });
    }),

  /**
   * The SHA-256 of a file, from a worker of its own. Whoever has begun it ends it.
   * @param {File} file @param {(nBytes: number) => void} onProgress
   */
  digest(file, onProgress) {
    const { port1, port2 } = new MessageChannel();
    /** @type {Promise<string>} */
    const hash = new Promise((resolve, reject) => {
      port1.onmessage = ({ data }) => {
        const message = /** @type {FromDigest} */ (data);
        if ("nBytes" in message) onProgress(message.nBytes);
        else if ("hash" in message) resolve(message.hash);
        else reject(new Error(message.failed));
      };
    });
    send(page, { ask: "digest", file, answer: port2 });
    return {
      hash,
      end() {
        port1.postMessage("end");
        port1.onmessage = null;
      },
    };
  },
});

/** @param {MessagePort} page @param {ToPage} message */
const send = (page, message) => page.postMessage(message, [message.answer]);
