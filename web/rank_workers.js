// The workers of ranks above 0 are made here, by the page, for the engine's worker (ranks.js), which cannot be trusted to
// make any: where a worker makes another one, Firefox with its developer tools open, or driven by a program, waits for the
// page's thread to take note, and may sleep through the answer. The worker then stays in `new Worker` forever.

/** One rank: a port for its worker, and one on which to hear that it is no longer needed, and to say why there is none.
 * @typedef {{ rank: MessagePort, desk: MessagePort }} ToPage */

/** They live as long as somebody holds them. @type {Set<Worker>} */
const workers = new Set();

/** A port to be given to the engine's worker, for `ranksFrom` of ranks.js. */
export function rankPort() {
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = ({ data }) => make(data);
  return port2;
}

/** @param {ToPage} toPage */
function make({ rank, desk }) {
  try {
    const worker = new Worker(new URL("./rank.js", import.meta.url), { type: "module" });
    workers.add(worker);
    desk.onmessage = () => {
      worker.terminate();
      workers.delete(worker);
      desk.close();
    };
    worker.onerror = (event) => {
      event.preventDefault();
      desk.postMessage(event.message || "its script cannot be loaded");
    };
    worker.postMessage(rank, [rank]);
  } catch (error) {
    desk.postMessage(error instanceof Error ? error.message : String(error));
  }
}
