// The messages between the page and its worker: one union each way. Types only, nothing runs here.
//
// Page to worker: structured clones, since Files may come along. Worker to page: JSON text, one message for a
// batch of patches, which is cheaper than cloning the same lists out of Python; or a File that the visitor wants to keep.

/**
 * An element to be made. Tags and attributes are checked against the host's own short lists.
 * @typedef {object} Tree
 * @property {string} tag
 * @property {string} id
 * @property {Record<string, string | null>} attributes
 * @property {string} text
 * @property {Tree[]} children
 */

/**
 * One change of the page. Elements are named by their id. The attribute "data-open" of a dialog shows it and closes it;
 * its value is the id of the element beside which the dialog stands, "" for none.
 * @typedef {["attribute", id: string, name: string, value: string | null]
 *   | ["text", id: string, text: string]
 *   | ["append", id: string, text: string]
 *   | ["value", id: string, value: string]
 *   | ["create", parent: string, index: number, tree: Tree]
 *   | ["move", parent: string, index: number, id: string]
 *   | ["remove", id: string]
 *   | ["focus", id: string]
 *   | ["save", snapshot: string]
 *   | ["keep", settings: string]
 *   | ["download", name: string, text: string]
 *   | ["isolate", when: "now" | "next visit" | "never"]} Patch
 */

/**
 * `patches`: `answers` is the number of the last event that Python had been told of, 0 for none.
 * `failed`: Python could not be started, or has died; the sentence is for the visitor.
 * @typedef {{ type: "patches", answers: number, patches: Patch[] } | { type: "failed", sentence: string }} FromWorker
 */

/**
 * `start` comes first and once. `saved` is the last snapshot that this tab was told to save, `device` the
 * settings that this device was told to keep, or "". `ranks`: the page makes
 * workers on its other side (see rank_workers.js), and does what only a page can for `storage` (see storage_port.js). `mayIsolate`: the page is
 * not isolated, but could be (see isolation.js).
 * `event`: they are numbered from 1 on.
 * @typedef {{ type: "start", query: string, saved: string, device: string, ranks: MessagePort, storage: MessagePort, mayIsolate: boolean }
 *   | { type: "event", number: number, name: string, fields: Record<string, string>, files: File[] }} ToWorker
 */

export {};
