// The keys of the page: one table, by which a key is understood and from which the help is written.

import { read, write } from "./device.js";

/**
 * `keys`: names of KeyboardEvent.key joined with "+"; "Mod" is Ctrl, or Command on a Mac.
 * `when`: whether it means this here. `act`: none where the browser itself does it.
 * @typedef {object} Shortcut
 * @property {string} keys
 * @property {string} about
 * @property {(event: KeyboardEvent) => boolean} [when]
 * @property {(event: KeyboardEvent) => void} [act]
 */

const PLAIN_OFF = "bitnet-tab:no-plain-keys";
const FIELDS = "input, textarea, select";
const IS_MAC = /Mac|iPhone|iPad/.test(navigator.userAgent);
/** @type {Record<string, string>} */
const CAPS = { Mod: IS_MAC ? "⌘" : "Ctrl", Escape: "Esc", ArrowLeft: "←", ArrowRight: "→" };

const hasDialog = () => document.querySelector("dialog[open]") !== null;

/** A character alone, which speech input and a slip of the hand can type too. @param {Shortcut} shortcut */
const isPlain = ({ keys }) => keys.length === 1;

/** @param {KeyboardEvent} event @param {string} keys */
function isPressed(event, keys) {
  const held = keys.split("+");
  const key = held.pop() ?? "";
  const isMod = event.ctrlKey || event.metaKey;
  return (
    event.key.toLowerCase() === key.toLowerCase() &&
    !event.altKey &&
    isMod === held.includes("Mod") &&
    (keys.length === 1 || event.shiftKey === held.includes("Shift")) // where a "?" is on a keyboard is its own affair
  );
}

/** @param {KeyboardEvent} event @param {Shortcut} shortcut */
function applies(event, shortcut) {
  if (!isPressed(event, shortcut.keys)) return false;
  if (shortcut.when) return shortcut.when(event);
  if (hasDialog()) return false;
  const isTyping = event.target instanceof Element && event.target.closest(FIELDS);
  return !isPlain(shortcut) || (!isTyping && !read(PLAIN_OFF));
}

/**
 * Act on the keys of `shortcuts` from now on, of which the first counts that applies.
 * @param {Shortcut[]} shortcuts
 */
export function listen(shortcuts) {
  const handled = shortcuts.filter(({ act }) => act);
  document.addEventListener("keydown", (event) => {
    if (event.isComposing) return; // Enter and Esc belong to the input method while it composes
    const shortcut = handled.find((each) => applies(event, each));
    if (!shortcut) return;
    if (event.key !== "Escape") event.preventDefault(); // which also closes what the browser has opened
    shortcut.act?.(event);
  });
}

/** @param {string} keys */
function caps(keys) {
  const made = document.createElement("dt");
  for (const key of keys.split("+")) {
    const cap = document.createElement("kbd");
    cap.textContent = CAPS[key] ?? key;
    made.append(cap, " ");
  }
  return made;
}

/**
 * Write the help, whose `toggle` switches the plain keys off.
 * @param {Shortcut[]} shortcuts @param {Element} list @param {HTMLInputElement} toggle
 */
export function explain(shortcuts, list, toggle) {
  for (const { keys, about } of shortcuts) {
    const text = document.createElement("dd");
    text.textContent = about;
    list.append(caps(keys), text);
  }
  toggle.checked = !read(PLAIN_OFF);
  toggle.addEventListener("change", () => write(PLAIN_OFF, toggle.checked ? "" : "1"));
}
