// Memory shared between workers needs a page that is cross-origin isolated: its host sends two headers with it, or else
// the service worker (sw.js) adds them, while the cache with this name is there: only when more than one core would be used.

import { register } from "./offline.js";

const ISOLATE = `bitnet-tab ${new URL("./", import.meta.url).href} isolate`;
const TRIED = "bitnet-tab:isolating"; // this tab has been reloaded for it: never twice without success
const READY_MS = 10_000;

/** Whether the page is not isolated, but could be. */
export const mayIsolate = !crossOriginIsolated && isSecureContext && "serviceWorker" in navigator && top === self && !tried();

if (crossOriginIsolated) forgetTry();

function tried() {
  try {
    return sessionStorage.getItem(TRIED) !== null;
  } catch {
    return true; // without a place to remember the try, there is none
  }
}

function forgetTry() {
  try {
    sessionStorage.removeItem(TRIED);
  } catch {
    // Then it was not written either.
  }
}

/**
 * Have the page isolated from its next visit on, or now by a reload, or no longer. `failed` is called when `now` is not
 * possible.
 * @param {"now" | "next visit" | "never"} when @param {() => void} failed
 */
export async function isolate(when, failed) {
  try {
    if (when === "never") return void (await caches.delete(ISOLATE));
    await caches.open(ISOLATE);
    await register();
    if (when === "next visit") return;
    await Promise.race([navigator.serviceWorker.ready, new Promise((_, reject) => setTimeout(reject, READY_MS))]);
    sessionStorage.setItem(TRIED, "");
    location.reload();
  } catch {
    if (when === "now") failed();
  }
}
