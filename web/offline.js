// The app without a network: the service worker (sw.js) keeps a copy of the app's files, and newer versions are offered.

/** Register the service worker, which isolation.js needs too. */
export function register() {
  // All of it is compared with the host's, precache.js as well, whatever the browser has cached.
  return navigator.serviceWorker.register(new URL("./sw.js", import.meta.url), { updateViaCache: "none" });
}

/**
 * Have the app kept for visits without a network. To be called when the first model is ready: until then the network has
 * better to do.
 * @param {(reload: () => void) => void} offer called when a newer version is ready: `reload` goes to it
 */
export async function keepOffline(offer) {
  if (!isSecureContext || !("serviceWorker" in navigator) || top !== self) return;
  try {
    const registration = await register();
    const offerWaiting = () => registration.waiting && registration.active && offer(() => goTo(registration.waiting));
    registration.addEventListener("updatefound", () => registration.installing?.addEventListener("statechange", offerWaiting));
    offerWaiting();
    const { active } = await navigator.serviceWorker.ready;
    active?.postMessage("keep");
    await registration.update();
  } catch {
    // Switched off, full, or no network: the page works as it is, and the next visit tries again.
  }
}

/** @param {ServiceWorker | null} newer one that waits; none where another tab was faster */
function goTo(newer) {
  if (!newer) return location.reload();
  newer.addEventListener("statechange", () => newer.state === "activated" && location.reload());
  newer.postMessage("take over");
}
