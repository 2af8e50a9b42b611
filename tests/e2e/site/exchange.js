// window.exchange(nRanks, shapes): workers exchange rows of these shapes, [number, bytes]; resolves to how many bytes were
// wrong in the end, by rank.
// window.aborted(): see abort_worker.js.

import { Exchange } from "../exchange.js";

window.exchange = (nRanks, shapes) => {
  const shared = new SharedArrayBuffer(Exchange.sharedBytes(nRanks));
  const counts = Array.from({ length: nRanks }, (_, rank) => {
    const worker = new Worker("exchange_worker.js", { type: "module" });
    worker.postMessage({ shared, rank, nRanks, shapes });
    return new Promise((resolve) => (worker.onmessage = ({ data }) => resolve(data)));
  });
  return Promise.all(counts);
};

window.aborted = () => {
  const worker = new Worker("abort_worker.js", { type: "module" });
  return new Promise((resolve) => (worker.onmessage = ({ data }) => resolve(data)));
};
