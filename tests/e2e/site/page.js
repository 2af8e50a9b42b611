// window.runPython(code, data): run Python in the worker, with `data` as a string; resolves to what it returns.

import { rankPort } from "../rank_workers.js";
import { storagePort } from "../storage_port.js";

const worker = new Worker("worker.js", { type: "module" });
const ports = { ranks: rankPort(), storage: storagePort() };
worker.postMessage({ ports }, Object.values(ports));

/** @param {string} code @param {string} data */
window.runPython = (code, data) =>
  new Promise((resolve, reject) => {
    worker.onmessage = ({ data: { result, error } }) => (error ? reject(new Error(error)) : resolve(result));
    worker.postMessage({ code, data });
  });
