// What this device keeps of the page's own choices: a few words each, which get lost where nothing can be stored.

/** @param {string} key */
export function read(key) {
  try {
    return localStorage.getItem(key) ?? "";
  } catch {
    return "";
  }
}

/** @param {string} key @param {string} text "" for nothing to keep */
export function write(key, text) {
  try {
    if (text) localStorage.setItem(key, text);
    else localStorage.removeItem(key);
  } catch {
    // Storage is full or switched off: the choice lasts as long as the page.
  }
}
