// Memory shared between workers needs a page that is cross-origin isolated: its host sends two headers with it, or else
// a service worker adds them (sw.js). It is registered only when more than one core would be used.

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
    if (when === "never") return await forget();
    await navigator.serviceWorker.register(new URL("./sw.js", import.meta.url));
    if (when === "next visit") return;
    await Promise.race([navigator.serviceWorker.ready, new Promise((_, reject) => setTimeout(reject, READY_MS))]);
    sessionStorage.setItem(TRIED, "");
    location.reload();
  } catch {
    if (when === "now") failed();
  }
}

async function forget() {
  const here = new URL("./", import.meta.url).href;
  const registration = await navigator.serviceWorker?.getRegistration(here);
  if (registration?.scope === here) await registration.unregister();
}
