// The service worker that isolates the page on hosts that do not: it adds two headers to the page and to the scripts of its
// workers, and touches nothing else, also of what lies in its folder. Where the host sends them itself it steps aside, and goes.

/** @typedef {ServiceWorkerGlobalScope & typeof globalThis} Scope */
const scope = /** @type {Scope} */ (/** @type {unknown} */ (self));

const OPENER = "Cross-Origin-Opener-Policy";
const EMBEDDER = "Cross-Origin-Embedder-Policy";

/** @param {string[]} names */
const here = (...names) => new Set(names.map((name) => new URL(name, location.href).href));
const PAGE = here("./", "./index.html");
const WORKERS = here("./worker.js", "./rank.js");

scope.addEventListener("install", () => void scope.skipWaiting());

scope.addEventListener("fetch", (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  const address = origin + pathname;
  const isOurs = request.mode === "navigate" ? PAGE.has(address) : request.destination === "worker" && WORKERS.has(address);
  if (isOurs) event.respondWith(isolated(request));
});

/** @param {Request} request */
async function isolated(request) {
  const response = await fetch(request);
  if (response.headers.has(EMBEDDER)) {
    if (request.mode === "navigate") await scope.registration.unregister();
    return response;
  }
  if (response.status === 0) return response; // a redirect, which the browser follows itself
  const headers = new Headers(response.headers);
  headers.set(OPENER, "same-origin");
  headers.set(EMBEDDER, "require-corp");
  return new Response(response.body, { status: response.status, statusText: response.statusText, headers });
}
