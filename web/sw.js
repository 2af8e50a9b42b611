// The service worker that isolates the page on hosts that do not: it adds two headers to the page and to the scripts of its
// workers, and touches nothing else. Where the host sends them itself it steps aside, and goes.

/** @typedef {ServiceWorkerGlobalScope & typeof globalThis} Scope */
const scope = /** @type {Scope} */ (/** @type {unknown} */ (self));

const OPENER = "Cross-Origin-Opener-Policy";
const EMBEDDER = "Cross-Origin-Embedder-Policy";

scope.addEventListener("install", () => void scope.skipWaiting());

scope.addEventListener("fetch", (event) => {
  const { request } = event;
  const here = new URL(request.url).origin === location.origin;
  if (here && (request.mode === "navigate" || request.destination === "worker")) event.respondWith(isolated(request));
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
