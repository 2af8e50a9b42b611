// The page's own script, and with answer.js, shortcuts.js the only one that writes to the DOM: it starts the worker, applies the
// patches that Python sends, and forwards what the visitor does. It decides nothing: what a button does is Python's
// business.

import { Answer } from "./answer.js";
import { copy } from "./clipboard.js";
import { read, write } from "./device.js";
import { isolate, mayIsolate } from "./isolation.js";
import { keepOffline } from "./offline.js";
import { rankPort } from "./rank_workers.js";
import { explain, listen } from "./shortcuts.js";
import { storagePort } from "./storage_port.js";
import { offerThemes } from "./theme_field.js";
import { goToToken, isAtToken, placeBeside } from "./tokens.js";

/** @typedef {import("./messages.js").FromWorker} FromWorker */
/** @typedef {import("./messages.js").ToWorker} ToWorker */
/** @typedef {import("./messages.js").Patch} Patch */
/** @typedef {import("./messages.js").Tree} Tree */

const SNAPSHOT = "bitnet-tab:conversation";
const DEVICE = "bitnet-tab:device";
const TAGS = new Set(
  "article button caption dd details div dt form input li option p pre progress span strong summary table tbody td textarea th thead tr ul".split(" "),
);
const PICTURE_TAGS = new Set("line polyline rect svg text".split(" "));
const ATTRIBUTES =
  /^(aria-[a-z]+|data-[a-z-]+|class|disabled|hidden|max|name|placeholder|role|scope|tabindex|title|type|value|viewBox|[xy][12]?|width|height|points|text-anchor)$/;
const END_MARGIN_PX = 48;

const scroller = element("scroller");
const log = element("log");
const message = /** @type {HTMLTextAreaElement} */ (element("message"));
const composer = /** @type {HTMLFormElement} */ (element("composer"));

/** The visitor has just sent something: the page goes to the end, wherever it is. */
let jump = false;
let failed = false;
/** The answer that was stopped, until Python has cut it where the visitor saw it end. */
let held = "";
/** The answers, by their elements. @type {WeakMap<Element, Answer>} */
const answers = new WeakMap();
/** How many events Python has been told of; and, for each field, how many there were when it was last written to. */
let nEvents = 0;
/** @type {Map<string, number>} */
const writtenAfter = new Map();

// ---- From Python to the page ----------------------------------------------------------------------------------

/** @param {string} id */
function element(id) {
  const found = document.getElementById(id);
  if (!found) throw new Error(`The page has no element "${id}".`);
  return found;
}

/** @param {Element} target @param {string} name @param {string | null} value */
function setAttribute(target, name, value) {
  if (!ATTRIBUTES.test(name)) throw new Error(`The page sets no attribute "${name}".`);
  if (name === "data-open") return open(dialog(target.id), value);
  if (value === null) target.removeAttribute(name);
  else target.setAttribute(name, value);
  if (name === "aria-busy") answers.get(target)?.draw();
}

/**
 * Show a dialog, or close it.
 * @param {HTMLDialogElement} shown
 * @param {string | null} where the id of an element that it belongs to, "" for none; null closes it
 */
function open(shown, where) {
  if (where === null) return shown.close();
  shown.showModal();
  if (where) placeBeside(shown, element(where));
}

/** @param {Element} target @param {string} text */
function setText(target, text) {
  const answer = answers.get(target);
  if (answer) answer.rewrite(text);
  else target.textContent = text;
}

/** @param {Element} target @param {string} text */
function appendText(target, text) {
  const answer = answers.get(target);
  if (answer) answer.append(text);
  else target.append(text);
}

/** @param {string} tag @returns {HTMLElement | SVGElement} */
function make(tag) {
  if (PICTURE_TAGS.has(tag)) return document.createElementNS("http://www.w3.org/2000/svg", tag);
  if (!TAGS.has(tag)) throw new Error(`The page makes no element "${tag}".`);
  return document.createElement(tag);
}

/** @param {Tree} tree */
function build(tree) {
  const made = make(tree.tag);
  made.id = tree.id;
  for (const [name, value] of Object.entries(tree.attributes)) setAttribute(made, name, value);
  const isAnswer = tree.tag === "article" && tree.attributes["data-role"] === "assistant";
  if (isAnswer) answers.set(made, new Answer(/** @type {HTMLElement} */ (made), element("spoken"), atEnd));
  setText(made, tree.text);
  made.append(...tree.children.map(build));
  return made;
}

/** @param {Patch} patch @param {number} answers */
function apply(patch, answers) {
  switch (patch[0]) {
    case "attribute":
      return setAttribute(element(patch[1]), patch[2], patch[3]);
    case "text":
      if (patch[1] === held) held = "";
      return setText(element(patch[1]), patch[2]);
    case "append":
      if (patch[1] !== held) appendText(element(patch[1]), patch[2]);
      return;
    case "value":
      // What the visitor has written since then is newer, and Python will be told of it.
      if ((writtenAfter.get(patch[1]) ?? -1) < answers) /** @type {HTMLInputElement} */ (element(patch[1])).value = patch[2];
      return;
    case "create": {
      const parent = element(patch[1]);
      return void parent.insertBefore(build(patch[3]), parent.children[patch[2]] ?? null);
    }
    case "move": {
      const [parent, moved, focused] = [element(patch[1]), element(patch[3]), document.activeElement];
      parent.insertBefore(moved, parent.children[patch[2]] ?? null);
      if (focused instanceof HTMLElement && moved.contains(focused)) focused.focus(); // which it has lost by moving
      return;
    }
    case "remove":
      if (patch[1] === held) held = "";
      return element(patch[1]).remove();
    case "focus":
      return element(patch[1]).focus();
    case "save":
      return save(patch[1]);
    case "keep":
      return write(DEVICE, patch[1]);
    case "download":
      return hand(new File([patch[2]], patch[1]));
    case "isolate":
      return void isolate(patch[1], () => tell("not_isolated"));
  }
}

/** Give the visitor a file to keep. @param {File} file */
function hand(file) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(file);
  link.download = file.name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000); // the browser has begun to read it by then
}

/** @param {string} snapshot */
function save(snapshot) {
  try {
    sessionStorage.setItem(SNAPSHOT, snapshot);
  } catch {
    // Storage is full or switched off: the chat goes on, it will only not survive a reload.
  }
}

function saved() {
  try {
    return sessionStorage.getItem(SNAPSHOT) ?? "";
  } catch {
    return "";
  }
}

// An empty chat stays where it is: its first line matters most.
const isAtEnd = () =>
  log.childElementCount > 0 && scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < END_MARGIN_PX;

/**
 * Change the page, and stay at its end if it is there.
 * @param {() => void} change
 * @param {boolean} [moves] it takes the visitor elsewhere
 */
function atEnd(change, moves = false) {
  const follow = (jump || isAtEnd()) && !moves;
  jump = false;
  change();
  if (follow) scroller.scrollTop = scroller.scrollHeight;
}

/** A failure that Python cannot report itself. @param {string} sentence */
function fail(sentence) {
  if (failed) return;
  failed = true;
  document.documentElement.dataset.state = "error";
  element("loading").hidden = true;
  for (const busy of document.querySelectorAll('[aria-busy="true"]')) setAttribute(busy, "aria-busy", "false");
  for (const id of ["send", "new-chat"]) element(id).setAttribute("disabled", "");
  const reload = build({ tag: "button", id: "reload", attributes: { type: "button" }, text: "Reload", children: [] });
  reload.addEventListener("click", () => location.reload());
  const alert = build({ tag: "div", id: "failure", attributes: { role: "alert", class: "notice" }, text: sentence, children: [] });
  alert.append(reload);
  element("notices").replaceChildren(alert);
}

let keeps = false;

/** The first model is ready: now the app itself is kept for the next visit. */
function keepOnce() {
  if (keeps) return;
  keeps = true;
  keepOffline((reload) => {
    element("update").hidden = false;
    element("go-to-update").onclick = reload;
  });
}

// ---- The worker -------------------------------------------------------------------------------------------------

// A browser without module workers never reads the option, and would run the file as a classic script.
let knowsModules = false;
const worker = new Worker(new URL("./worker.js", import.meta.url), {
  get type() {
    knowsModules = true;
    return /** @type {const} */ ("module");
  },
});

/** @param {ToWorker} toWorker @param {Transferable[]} [transfer] */
const post = (toWorker, transfer = []) => worker.postMessage(toWorker, transfer);

/** @param {string} name @param {Record<string, string>} [fields] @param {File[]} [files] */
function tell(name, fields = {}, files = []) {
  post({ type: "event", number: ++nEvents, name, fields, files });
}

worker.addEventListener("message", ({ data }) => {
  if (data instanceof File) return hand(data);
  const fromWorker = /** @type {FromWorker} */ (JSON.parse(data));
  if (fromWorker.type === "failed") return fail(fromWorker.sentence);
  const { patches } = fromWorker;
  const moves = patches.some(([what]) => what === "focus"); // there the visitor looks then
  atEnd(() => patches.forEach((patch) => apply(patch, fromWorker.answers)), moves);
  if (patches.some(([, id]) => id === chats.id)) tellOfChats();
  if (document.documentElement.dataset.state === "ready") keepOnce();
});
worker.addEventListener("error", (event) => {
  event.preventDefault();
  fail("The engine could not be started or has stopped: reload the page; the conversation is kept.");
});

if (knowsModules) {
  const [ranks, storage] = [rankPort(), storagePort()];
  post({ type: "start", query: location.search, saved: saved(), device: read(DEVICE), ranks, storage, mayIsolate }, [ranks, storage]);
} else {
  worker.terminate();
  fail("This browser cannot run module workers, which the engine needs: update it, or use a current browser.");
}

// ---- From the visitor to Python -----------------------------------------------------------------------------------

/** @param {string} id */
const dialog = (id) => /** @type {HTMLDialogElement} */ (element(id));

const chats = element("chats");
/** Beside the conversation where there is room, else over it. */
const beside = matchMedia("(min-width: 60rem)");

const showsChats = () => (beside.matches ? getComputedStyle(chats).display !== "none" : chats.matches(":popover-open"));

function toggleChats() {
  if (!beside.matches) return chats.togglePopover();
  document.documentElement.dataset.chats = showsChats() ? "hidden" : "shown";
  tellOfChats();
}

function closeChats() {
  if (!beside.matches && chats.matches(":popover-open")) chats.hidePopover();
}

/** What the button in the bar does, for screen readers. */
function tellOfChats() {
  element("open-chats").setAttribute("aria-expanded", String(showsChats()));
}
chats.addEventListener("toggle", tellOfChats);
beside.addEventListener("change", tellOfChats);
tellOfChats();
for (const id of ["open-chats", "open-help"]) element(id).hidden = false; // where scripts run; their pictures cannot be fetched from a file:// page

/** @param {HTMLFormElement} form */
function fieldsOf(form) {
  /** @type {Record<string, string>} */
  const fields = {};
  for (const [name, value] of new FormData(form)) if (typeof value === "string") fields[name] = value;
  return fields;
}

/** Stop the answer where it is now: tokens still on their way are not what the visitor stopped at. */
function stop() {
  const busy = document.querySelector('[aria-busy="true"]');
  if (!busy || held) return;
  held = busy.id;
  tell("stop", { shown: String([...(answers.get(busy)?.drawn ?? "")].length) });
}

/** Do what an element's data attributes ask for: close a dialog, move the focus. @param {HTMLElement} source */
function finish(source) {
  const { closes, focus } = source.dataset;
  if (closes === chats.id) closeChats();
  else if (closes) dialog(closes).close();
  // On a touch screen the focus would raise the keyboard over the answer.
  if (focus && matchMedia("(pointer: fine)").matches) element(focus).focus();
}

document.addEventListener("click", ({ target }) => {
  const button = target instanceof Element ? target.closest("button") : null;
  if (!button) return;
  const { event, opens, copies, ...fields } = button.dataset;
  if (opens === chats.id) toggleChats();
  else if (opens) dialog(opens).showModal();
  if (event) tell(event, /** @type {Record<string, string>} */ (fields));
  if (event) jump = fields.focus === "message";
  finish(button);
  if (copies) {
    const source = element(copies);
    copy(button, answers.get(source)?.source ?? source.textContent ?? "", source);
  }
});

// Esc, or a click beside it: for some dialogs that is an answer.
document.addEventListener(
  "cancel",
  ({ target }) => {
    if (target instanceof HTMLDialogElement && target.dataset.dismissed) tell(target.dataset.dismissed);
  },
  { capture: true },
);

document.addEventListener("submit", (event) => {
  event.preventDefault();
  const form = /** @type {HTMLFormElement} */ (event.target);
  const action = event.submitter?.dataset.action ?? form.dataset.event ?? "";
  if (action === "stop") return stop();
  jump = form === composer;
  tell(action, fieldsOf(form));
  finish(form);
});

document.addEventListener("input", ({ target }) => {
  if (!(target instanceof HTMLElement)) return;
  writtenAfter.set(target.id, nEvents);
  if (target instanceof HTMLInputElement && target.dataset.types) tell(target.dataset.types, { text: target.value });
});

document.addEventListener("change", ({ target }) => {
  if (target instanceof HTMLInputElement && target.type === "file") {
    openFiles(target.files, target.dataset.event);
    target.value = ""; // so that choosing the same file again is a change again
    finish(target);
  } else if (target instanceof HTMLSelectElement && target.dataset.event) {
    tell(target.dataset.event, { value: target.value });
  } else if (target instanceof HTMLElement) {
    const form = target.closest("form");
    if (form?.dataset.changes) tell(form.dataset.changes, fieldsOf(form));
  }
});

// A field that is left by closing its dialog does not say in every browser that it has changed.
document.addEventListener(
  "close",
  ({ target }) => {
    const form = target instanceof HTMLDialogElement ? target.querySelector("form[data-changes]") : null;
    if (form instanceof HTMLFormElement) tell(form.dataset.changes ?? "", fieldsOf(form));
  },
  { capture: true },
);

/** @param {FileList | null | undefined} files @param {string} [event] */
function openFiles(files, event = "open_files") {
  if (files?.length) tell(event, {}, [...files]);
}

/** The form of a message or title that is being edited. @param {KeyboardEvent} event */
function editing({ target }) {
  const form = target instanceof Element ? target.closest("form") : null;
  return form?.dataset.dismissed ? form : null;
}

function send() {
  const button = /** @type {HTMLButtonElement} */ (element("send"));
  if (button.dataset.action === "send" && !button.disabled) composer.requestSubmit(button);
}

/** @param {KeyboardEvent} event */
const isInMessage = ({ target }) => target === message;

/** @type {import("./shortcuts.js").Shortcut[]} */
const SHORTCUTS = [
  { keys: "Enter", about: "Send the message", when: isInMessage, act: send },
  { keys: "Shift+Enter", about: "New line in the message" },
  {
    keys: "Mod+Enter",
    about: "Send the message, or save what is being edited",
    when: (event) => isInMessage(event) || editing(event) !== null,
    act: (event) => (isInMessage(event) ? send() : editing(event)?.requestSubmit()),
  },
  {
    keys: "Escape",
    about: "Leave what is being edited as it was",
    when: (event) => editing(event) !== null,
    act: (event) => tell(editing(event)?.dataset.dismissed ?? ""),
  },
  { keys: "Escape", about: "Stop the answer", when: () => !document.querySelector("dialog[open]"), act: stop },
  { keys: "Escape", about: "Close a dialog" },
  { keys: "ArrowLeft", about: "Among tokens: the one before", when: isAtToken, act: (event) => goToToken(event, (at) => at - 1) },
  { keys: "ArrowRight", about: "Among tokens: the next", when: isAtToken, act: (event) => goToToken(event, (at) => at + 1) },
  { keys: "Home", about: "Among tokens: the first", when: isAtToken, act: (event) => goToToken(event, () => 0) },
  { keys: "End", about: "Among tokens: the last", when: isAtToken, act: (event) => goToToken(event, (_, last) => last) },
  { keys: "Mod+Shift+O", about: "New chat", act: () => element("new-chat").click() },
  { keys: "/", about: "Write a message", act: () => message.focus() },
  { keys: "?", about: "Show this list", act: () => dialog("help").showModal() },
];
listen(SHORTCUTS);
explain(SHORTCUTS, element("shortcuts"), /** @type {HTMLInputElement} */ (element("plain-keys")));

offerThemes(/** @type {HTMLSelectElement} */ (element("theme")));

document.addEventListener("dragover", (event) => event.preventDefault());
document.addEventListener("drop", (event) => {
  event.preventDefault();
  openFiles(event.dataTransfer?.files);
});
