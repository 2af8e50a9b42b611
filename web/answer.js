// An answer on the page: keeps its Markdown while it grows, and draws it, at most once in a frame. Blocks that have not
// changed keep their elements, and with them selections, scroll positions and the focus.

import { Announcer } from "./announce.js";
import { colour, split, toElement, toHtml } from "./markdown.js";

/** @typedef {import("./markdown.js").Change} Change */
/** @typedef {{ source: string, html: string, element: HTMLElement, isColoured: boolean }} DrawnBlock */

const LONGEST = 50_000; // characters; a longer answer is shown as it is
const REST = 4; // times as long as it has drawn, an answer waits before it draws again

export class Answer {
  #element;
  #announcer;
  #follow;
  #source = "";
  #drawn = "";
  /** @type {DrawnBlock[]} */
  #blocks = [];
  #definitions = "";
  /** @type {Element | null} */
  #end = null;
  #wasBusy = false;
  #frame = 0;
  #restsUntil = 0;

  /**
   * @param {HTMLElement} element its aria-busy says whether the answer grows
   * @param {Element} region the live region for what a screen reader says of it
   * @param {Change} follow makes a change of the page, and keeps its end in view
   */
  constructor(element, region, follow) {
    this.#element = element;
    this.#announcer = new Announcer(region);
    this.#follow = follow;
    element.setAttribute("aria-live", "off");
    element.dir = "auto";
  }

  /** The Markdown. */
  get source() {
    return this.#source;
  }

  /** As much of it as the visitor sees. */
  get drawn() {
    return this.#drawn;
  }

  /** @param {string} text */
  append(text) {
    this.#source += text;
    if (!this.#frame) this.draw();
  }

  /** @param {string} text */
  rewrite(text) {
    this.#source = text;
    this.draw();
  }

  /** Show all of it now, busy or not. */
  draw() {
    const start = performance.now();
    const isBusy = this.#element.getAttribute("aria-busy") === "true";
    this.#drawn = this.#source;
    try {
      if (this.#source.length > LONGEST) this.#showPlain();
      else this.#showBlocks(isBusy);
    } catch (error) {
      console.error(error);
      this.#showPlain();
    }
    this.#moveEnd(isBusy);
    this.#announce(isBusy);
    cancelAnimationFrame(this.#frame);
    this.#frame = requestAnimationFrame(this.#onFrame);
    const now = performance.now();
    this.#restsUntil = now + REST * (now - start);
  }

  #onFrame = () => {
    this.#frame = 0;
    if (this.#drawn === this.#source) return;
    if (performance.now() < this.#restsUntil) this.#frame = requestAnimationFrame(this.#onFrame);
    else this.#follow(() => this.draw());
  };

  #showPlain() {
    this.#blocks = [];
    this.#element.dataset.plain = "";
    this.#element.textContent = this.#source;
  }

  /** @param {boolean} isBusy */
  #showBlocks(isBusy) {
    if ("plain" in this.#element.dataset) this.#element.replaceChildren();
    delete this.#element.dataset.plain;
    const { blocks, references } = split(this.#source);
    const definitions = JSON.stringify(references);
    for (const [at, block] of blocks.entries()) {
      if (this.#blocks[at]?.source !== block.source || definitions !== this.#definitions) {
        this.#place(at, block.source, toHtml(block, references));
      }
      const drawn = this.#blocks[at];
      if (drawn.isColoured || (isBusy && at === blocks.length - 1)) continue;
      drawn.isColoured = true;
      colour(drawn.element, this.#follow);
    }
    for (const { element } of this.#blocks.splice(blocks.length)) element.remove();
    this.#definitions = definitions;
  }

  /** @param {number} at @param {string} source @param {string} html */
  #place(at, source, html) {
    const before = this.#blocks[at];
    if (before?.html === html) {
      before.source = source;
      return;
    }
    const element = toElement(html, this.#follow);
    if (before) replace(before.element, element);
    else this.#element.append(element);
    this.#blocks[at] = { source, html, element, isColoured: false };
  }

  /** Mark where the text ends, for the writing mark. @param {boolean} isBusy */
  #moveEnd(isBusy) {
    this.#end?.removeAttribute("data-end");
    this.#end = isBusy ? lastLine(this.#element) : null;
    this.#end?.setAttribute("data-end", "");
  }

  /** @param {boolean} isBusy */
  #announce(isBusy) {
    const blocks = this.#blocks.map(({ element }) => element);
    if (isBusy || this.#wasBusy) this.#announcer.tell(blocks, !isBusy);
    else this.#announcer.skip(blocks);
    this.#wasBusy = isBusy;
  }
}

/** @param {Element} element @returns {Element} the innermost one that holds the last text */
function lastLine(element) {
  let last = element.lastChild;
  while (last && last.nodeType === Node.TEXT_NODE && !last.textContent?.trim()) last = last.previousSibling;
  return last instanceof Element && !last.matches("br, hr, [data-maths]") ? lastLine(last) : element;
}

/** What can be scrolled sideways or have the focus. @param {HTMLElement} element */
const boxes = (element) => [element, .../** @type {NodeListOf<HTMLElement>} */ (element.querySelectorAll("a, button, pre, .table"))];

/** Put one element in the place of another, scrolled as far, with the focus where it was. @param {HTMLElement} before @param {HTMLElement} after */
function replace(before, after) {
  const old = boxes(before);
  const scrolled = old.map(({ scrollLeft }) => scrollLeft);
  const focused = old.findIndex((box) => box === document.activeElement);
  before.replaceWith(after);
  const made = boxes(after);
  for (const [at, left] of scrolled.entries()) if (left && made[at]) made[at].scrollLeft = left;
  made[focused]?.focus({ preventScroll: true });
}
