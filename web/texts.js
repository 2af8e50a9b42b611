// Small texts that outlive the tab, by key, in IndexedDB: the conversations. Used in the engine's worker.

import { createStore, del, entries, set } from "./idb-keyval/idb-keyval.js";

/**
 * *work*, which fails with an Error: Chromium's QuotaExceededError has no stack, and Pyodide (314) takes it for no exception.
 * @template Value @param {Promise<Value>} work
 */
const withError = (work) =>
  work.catch((reason) => {
    throw new Error(String(reason));
  });

export function textsFrom() {
  const store = createStore("bitnet-tab", "texts");
  return {
    entries: () => withError(/** @type {Promise<[string, string][]>} */ (entries(store))),
    /** @param {string} key @param {string} text */
    write: (key, text) => withError(set(key, text, store)),
    /** @param {string} key */
    remove: (key) => withError(del(key, store)),
  };
}
