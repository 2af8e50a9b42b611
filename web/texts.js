// Small texts that outlive the tab, by key, in IndexedDB: the conversations. Used in the engine's worker.

import { createStore, del, entries, set } from "./idb-keyval/idb-keyval.js";

export function textsFrom() {
  const store = createStore("bitnet-tab", "texts");
  return {
    entries: () => /** @type {Promise<[string, string][]>} */ (entries(store)),
    /** @param {string} key @param {string} text */
    write: (key, text) => set(key, text, store),
    /** @param {string} key */
    remove: (key) => del(key, store),
  };
}
