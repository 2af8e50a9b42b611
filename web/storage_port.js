// What the engine's worker (storage.js) cannot do for its stored files by itself, and asks the page for: to be granted
// storage that stays, which browsers let only pages ask for, and a worker of its own for a hash (see rank_workers.js).

/** @typedef {{ ask: "persist", answer: MessagePort } | { ask: "digest", file: File, answer: MessagePort }} ToPage */
/** @typedef {{ nBytes: number } | { hash: string } | { failed: string }} FromDigest */

/** They live as long as somebody holds them. @type {Set<Worker>} */
const workers = new Set();

/** A port to be given to the engine's worker, for `storageFrom` of storage.js. */
export function storagePort() {
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = ({ data }) => {
    const toPage = /** @type {ToPage} */ (data);
    if (toPage.ask === "persist") persist(toPage.answer);
    else digest(toPage.file, toPage.answer);
  };
  return port2;
}

/** @param {MessagePort} answer */
async function persist(answer) {
  answer.postMessage(await navigator.storage.persist().catch(() => false));
}

/** @param {File} file @param {MessagePort} answer any message from it ends the work */
function digest(file, answer) {
  /** @param {FromDigest} message */
  const tell = (message) => answer.postMessage(message);
  try {
    const worker = new Worker(new URL("./digest.js", import.meta.url), { type: "module" });
    workers.add(worker);
    worker.onmessage = ({ data }) => tell(data);
    worker.onerror = (event) => {
      event.preventDefault();
      tell({ failed: event.message || "its script cannot be loaded" });
    };
    answer.onmessage = () => {
      worker.terminate();
      workers.delete(worker);
      answer.close();
    };
    worker.postMessage(file);
  } catch (error) {
    tell({ failed: error instanceof Error ? error.message : String(error) });
  }
}
