// Uses the page in a frame as a visitor would, in a browser that nobody drives, and asks the server for said/<step> at each
// step: loaded, when the model is ready; full, when an answer has come to a prompt that fills most of the context.
// What stands behind "?" goes to the page.

const EVERY_MS = 100;
const LONG_PROMPT = "The fox and the hen went to the market to buy bread, and on the way they met a wise old owl. ".repeat(20);

const frame = document.querySelector("iframe");
frame.src = `../index.html${location.search}`;

const page = () => frame.contentDocument;
const button = (name, within = page()) =>
  [...within.querySelectorAll("button")].find(({ ariaLabel, textContent }) => (ariaLabel ?? textContent).trim() === name);
const isReady = () => page().documentElement.dataset.state === "ready";
const say = (step) => fetch(`said/${step}`);

async function until(find) {
  for (;;) {
    const found = page()?.documentElement && find();
    if (found) return found;
    await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
  }
}

(await until(() => [...page().querySelectorAll("dialog[open]")].map((dialog) => button("Download", dialog)).find(Boolean))).click();
await until(isReady);
await say("loaded");

const message = page().querySelector("textarea");
message.value = LONG_PROMPT;
message.dispatchEvent(new Event("input", { bubbles: true }));
(await until(() => button("Send"))).click();
await until(() => !isReady());
await until(isReady);
await say("full");
