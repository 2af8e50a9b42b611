// What a screen reader says of an answer while it streams: whole sentences, in order, each once. The answer's own element is
// silent (aria-live="off"), since it changes with every token.

const SAID_MS = 10_000; // until it is gone from the region, so that nobody meets the answer twice

const OPEN_MARKS = /\*\*|~~|`/g; // of what has begun in a sentence and will end in a later one

const sentences = new Intl.Segmenter("en", { granularity: "sentence" });

/** @param {string} text */
const split = (text) => [...sentences.segment(text)].map(({ segment }) => segment.trim()).filter(Boolean);

/** @param {HTMLElement} box */
function codeBox(box) {
  const nLines = (box.querySelector("code")?.textContent ?? "").trimEnd().split("\n").length;
  return `\nCode${box.dataset.language ? ` in ${box.dataset.language}` : ""}, ${nLines} ${nLines === 1 ? "line" : "lines"}.\n`;
}

/** What is said of a rendered block. @param {Node} node @returns {string} */
function spoken(node) {
  if (node instanceof Text) return node.data.replace(OPEN_MARKS, "");
  if (!(node instanceof HTMLElement)) return "";
  if (node.classList.contains("code")) return codeBox(node);
  if (node.dataset.tex !== undefined) return node.dataset.tex;
  if (node instanceof HTMLTableRowElement) return `${[...node.cells].map((cell) => cell.textContent).join(", ")}\n`;
  return [...node.childNodes].map(spoken).join("");
}

export class Announcer {
  #region;
  #block = 0;
  #nSaid = 0; // sentences of it

  /** @param {Element} region a live region that is not seen */
  constructor(region) {
    this.#region = region;
  }

  /**
   * Say what is finished and has not been said.
   * @param {readonly Node[]} blocks all of the answer so far
   * @param {boolean} isFinished whether the last block will not grow any more
   */
  tell(blocks, isFinished) {
    for (const sentence of this.#news(blocks, isFinished)) this.#say(sentence);
  }

  /** Leave out what is there already. @param {readonly Node[]} blocks */
  skip(blocks) {
    this.#news(blocks, true);
  }

  /** @param {readonly Node[]} blocks @param {boolean} isFinished */
  #news(blocks, isFinished) {
    const news = [];
    if (!blocks.length) this.#block = this.#nSaid = 0;
    for (; this.#block < blocks.length; this.#block++, this.#nSaid = 0) {
      const isLast = this.#block === blocks.length - 1;
      const sentences = split(spoken(blocks[this.#block]));
      if (isLast && !isFinished) sentences.pop();
      news.push(...sentences.slice(this.#nSaid));
      this.#nSaid = Math.max(this.#nSaid, sentences.length);
      if (isLast) break; // it is looked at again when it has grown
    }
    return news;
  }

  /** @param {string} sentence */
  #say(sentence) {
    const line = document.createElement("p");
    line.textContent = sentence;
    this.#region.append(line);
    setTimeout(() => line.remove(), SAID_MS);
  }
}
