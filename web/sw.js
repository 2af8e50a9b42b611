// The service worker: it serves the app's own files from a copy, so that the page opens without a network, and isolates the
// page on hosts that do not. Models are none of its business: no file that ends in .gguf, no Range, no other origin.
//
// The copy is made when the page asks for it (offline.js), and belongs to one version of the app, whose names and hashes
// stand in precache.js. A newer version makes its own copy and then waits until the page lets it take over.

importScripts("./precache.js"); // made with the bundle, by tools/bundle.py

/** @typedef {ServiceWorkerGlobalScope & typeof globalThis & { PRECACHE: { version: string, files: Record<string, string> } }} Scope */
const scope = /** @type {Scope} */ (/** @type {unknown} */ (self));

const OPENER = "Cross-Origin-Opener-Policy";
const EMBEDDER = "Cross-Origin-Embedder-Policy";

/** @param {string} name */
const here = (name) => new URL(name, location.href).href;
const PAGE = here("./index.html");
const FOLDER = here("./");
const WORKERS = new Set(["./worker.js", "./rank.js", "./digest.js"].map(here));
const CATALOGUE = here("./models/models.json"); // whoever runs the site may edit it, so the host is asked first
/** The SHA-256 of each file, by its address. */
const HASHES = new Map(Object.entries(scope.PRECACHE.files).map(([name, hash]) => [here(name), hash]));

// One origin may hold several bundles, and caches of others.
const OURS = `bitnet-tab ${FOLDER} `;
const COPY = OURS + scope.PRECACHE.version;
const ISOLATE = `${OURS}isolate`; // there while the page is to be isolated; isolation.js makes and deletes it

scope.addEventListener("install", (event) => event.waitUntil(install()));
scope.addEventListener("activate", (event) => event.waitUntil(forgetOthers()));
scope.addEventListener("message", (event) => {
  if (event.data === "keep") event.waitUntil(keep().catch(() => {})); // the next visit asks again
  if (event.data === "take over") event.waitUntil(scope.skipWaiting());
});

scope.addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.method !== "GET" || request.headers.has("Range")) return;
  const { origin, pathname } = new URL(request.url);
  const address = origin + pathname === FOLDER ? PAGE : origin + pathname;
  const isFrame = request.mode === "navigate";
  if (isFrame ? address === PAGE : HASHES.has(address)) event.respondWith(answer(request, address));
  else if (address === CATALOGUE) event.respondWith(catalogue(request));
});

/** @param {Request} request @param {string} address */
async function answer(request, address) {
  const response = ((await isKept()) && (await caches.match(address, { cacheName: COPY }))) || (await fetch(request));
  const runs = request.mode === "navigate" || (request.destination === "worker" && WORKERS.has(address));
  return runs && (await caches.has(ISOLATE)) ? isolated(response) : response;
}

/** @param {Request} request */
async function catalogue(request) {
  try {
    const response = await fetch(request);
    if (response.ok && (await isKept())) await (await caches.open(COPY)).put(CATALOGUE, response.clone());
    return response;
  } catch (error) {
    const stored = await caches.match(CATALOGUE, { cacheName: COPY });
    if (stored) return stored;
    throw error;
  }
}

/** @param {Response} response */
function isolated(response) {
  // A status of 0 is a redirect, which the browser follows itself.
  if (response.headers.has(EMBEDDER) || response.status === 0) return response;
  const headers = new Headers(response.headers);
  headers.set(OPENER, "same-origin");
  headers.set(EMBEDDER, "require-corp");
  return new Response(response.body, { status: response.status, statusText: response.statusText, headers });
}

// ---- The copy -------------------------------------------------------------------------------------------------------

let kept = false;
/** @type {Promise<void> | null} */
let keeping = null;

/** Whether all files of this version are there: the page is the last one to be kept. */
async function isKept() {
  kept ||= (await caches.match(PAGE, { cacheName: COPY })) !== undefined;
  return kept;
}

const copies = async () => (await caches.keys()).filter((name) => name.startsWith(OURS) && name !== ISOLATE);

async function install() {
  // What has a copy is replaced by a whole copy, and when the page says so. Without one there is nothing to mix up.
  if (scope.registration.active && (await copies()).length) await keep();
  else await scope.skipWaiting();
}

async function forgetOthers() {
  for (const name of await copies()) if (name !== COPY) await caches.delete(name);
}

/** Copy all files; those that are there already cost no transfer. */
function keep() {
  keeping ??= copyFiles().finally(() => (keeping = null));
  return keeping;
}

async function copyFiles() {
  if (await isKept()) return;
  const copy = await caches.open(COPY);
  await copy.add(CATALOGUE).catch(() => {}); // a site may have none
  for (const address of [...[...HASHES.keys()].filter((address) => address !== PAGE), PAGE]) {
    const stored = await caches.match(address); // also an older version's
    const response = (stored && (await checked(stored, address))) ?? (await checked(await fetch(address, { cache: "no-cache" }), address));
    if (!response) throw new Error(`${address} is not the file of this version: the host has altered it, or is being updated.`);
    await copy.put(address, response);
  }
}

/** A copy of the response if its bytes are those of this version. @param {Response} response @param {string} address */
async function checked(response, address) {
  const bytes = await response.arrayBuffer();
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  if (Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("") !== HASHES.get(address)) return undefined;
  const headers = new Headers(response.headers);
  headers.delete("Content-Encoding"); // of the transfer, not of these bytes
  headers.set("Content-Length", String(bytes.byteLength));
  return new Response(bytes, { headers });
}
