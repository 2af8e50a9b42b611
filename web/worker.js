// The engine's worker: starts the one Pyodide of this page, then hands every event to Python.
// What is on the page is decided in bitnet.page; this file only opens the door.

import { ranksFrom } from "./ranks.js";
import { storageFrom } from "./storage.js";
import { textsFrom } from "./texts.js";

/** @typedef {import("./messages.js").ToWorker} ToWorker */
/** @typedef {import("./messages.js").FromWorker} FromWorker */
/** @typedef {{ start(query: string, saved: string, device: string, ranks: object, storage: object, noStorage: string, texts: object,
 *     mayIsolate: boolean): void,
 *   receive(number: number, name: string, fields: string, files: File[]): void }} PythonPage */

/** @param {string} path */
const here = (path) => new URL(path, import.meta.url).href;

/** @returns {Promise<PythonPage>} */
async function startPython() {
  const { loadPyodide } = /** @type {typeof import("pyodide")} */ (await import(here("./pyodide/pyodide.mjs")));
  const pyodide = await loadPyodide({
    indexURL: here("./pyodide/"),
    stdLibURL: here("./pyodide/python_stdlib.zip"),
    lockFileURL: here("./pyodide-lock.json"),
    packageBaseUrl: here("./"),
    packages: ["bitnet-tab"],
    // Pyodide reports each package that it loads; the page has its own progress line.
    stdout: () => {},
  });
  return pyodide.pyimport("bitnet.page");
}

const python = startPython();

// Messages are handed on in the order of arrival, also those that come while Python still starts.
/** @type {Promise<void>} */
let turn = Promise.resolve();

addEventListener("message", ({ data }) => {
  const message = /** @type {ToWorker} */ (data);
  turn = turn.then(() => deliver(message)).catch(fail);
});

/** @param {ToWorker} message */
async function deliver(message) {
  const page = await python;
  if (message.type === "start") {
    const storage = storageFrom(message.storage);
    const [ranks, noStorage] = [ranksFrom(message.ranks), await storage.obstacle()];
    page.start(message.query, message.saved, message.device, ranks, storage, noStorage, textsFrom(), message.mayIsolate);
  } else {
    page.receive(message.number, message.name, JSON.stringify(message.fields), message.files);
  }
}

// Work that Python does between events fails here.
addEventListener("unhandledrejection", (event) => {
  event.preventDefault();
  fail(event.reason);
});

/** @param {unknown} error */
function fail(error) {
  const detail = error instanceof Error ? error.message.trim().split("\n").at(-1) : String(error);
  /** @type {FromWorker} */
  const message = { type: "failed", sentence: `The engine stopped (${detail}): reload the page; the conversation is kept.` };
  postMessage(JSON.stringify(message));
}
