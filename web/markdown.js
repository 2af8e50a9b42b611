// Markdown -> nodes. A text is split into its top-level blocks, so that a growing answer redraws only its last ones; each
// block becomes HTML, passes the sanitiser, and is then given what the page adds: labels, Copy buttons, formulas, colours.

import { copy } from "./clipboard.js";
import MarkdownIt from "./markdown-it/markdown-it.js";
import { mathsSyntax } from "./maths_syntax.js";
import { LINK, sanitised } from "./sanitise.js";

/** @typedef {Required<import("markdown-it").Env>["references"]} References */

/**
 * A top-level block: its Markdown, and whether it is to be shown as it is.
 * @typedef {{ source: string, isPlain: boolean }} Block
 */

/** @typedef {import("markdown-it").RendererRule} Rule */
/** @typedef {import("markdown-it").Token} Token */
/** @typedef {(change: () => void) => void} Change */

const withHighlight = lazy(() => import("./highlight.js"));
const withMaths = lazy(() => import("./maths.js"));

const MOST_NESTED = 32; // what lies deeper the parser leaves out, so such a block is shown as it is
const LONGEST_LABEL = 30;

const parser = new MarkdownIt({ html: false, breaks: true, linkify: true, maxNesting: MOST_NESTED });
mathsSyntax(parser);
parser.linkify.set({ fuzzyLink: false, fuzzyEmail: false });
/** @param {string} url */
parser.validateLink = (url) => LINK.test(url);
const { escapeHtml, unescapeAll } = parser.utils;

/** @type {Rule} The page itself has the first two levels. */
const heading = (tokens, at, options, env, renderer) => {
  tokens[at].tag = `h${Math.min(6, Number(tokens[at].tag[1]) + 2)}`;
  return renderer.renderToken(tokens, at, options);
};

/** @param {Token[]} tokens @param {number} at */
function isInLink(tokens, at) {
  if (tokens[at].level === 0) return false;
  while (at > 0 && !tokens[at].type.startsWith("link_")) at--;
  return tokens[at].type === "link_open";
}

/** @type {Rule} A picture is not fetched: its description leads to it. */
const image = (tokens, at, options, env, renderer) => {
  const url = String(tokens[at].attrGet("src"));
  const text = escapeHtml(renderer.renderInlineAsText(tokens[at].children ?? [], options, env) || url);
  return isInLink(tokens, at) ? text : `<a href="${escapeHtml(url)}">${text}</a>`;
};

/** @type {Rule} */
const cell = (tokens, at) => {
  const side = /left|center|right/.exec(String(tokens[at].attrGet("style")))?.[0];
  return side ? `<${tokens[at].tag} data-align="${side}">` : `<${tokens[at].tag}>`;
};

/** @type {Rule} */
const code = (tokens, at) => {
  const language = unescapeAll(tokens[at].info).trim().split(/\s/)[0].slice(0, LONGEST_LABEL);
  const attribute = language ? ` data-language="${escapeHtml(language)}"` : "";
  return `<pre${attribute}><code>${escapeHtml(tokens[at].content)}</code></pre>`;
};

Object.assign(parser.renderer.rules, {
  heading_open: heading,
  heading_close: heading,
  image,
  th_open: cell,
  td_open: cell,
  fence: code,
  code_block: code,
});

/**
 * The top-level blocks of a text, in order, and the link definitions that hold for all of them.
 * @param {string} text
 */
export function split(text) {
  const normal = text.replace(/\r\n?/g, "\n").replace(/\0/g, "\ufffd");
  const lines = normal.split("\n");
  /** @type {import("markdown-it").Env} */
  const env = {};
  /** @type {Block[]} */
  const blocks = [];
  /** @type {Token[]} */
  const tokens = [];
  parser.block.parse(normal, parser, env, tokens);
  for (const { level, map, nesting } of tokens) {
    if (level === 0 && map && nesting >= 0) blocks.push({ source: lines.slice(...map).join("\n"), isPlain: false });
    if (level >= MOST_NESTED - 1) blocks[blocks.length - 1].isPlain = true;
  }
  return { blocks, references: env.references ?? {} };
}

/** @param {Block} block @param {References} references */
export const toHtml = ({ source, isPlain }, references) =>
  isPlain ? `<p>${escapeHtml(source).replaceAll("\n", "<br>")}</p>` : parser.render(source, { references });

/**
 * The element of a block.
 * @param {string} html of toHtml
 * @param {Change} later makes a change when what it needs has been loaded
 */
export function toElement(html, later) {
  const fragment = sanitised(html);
  for (const link of fragment.querySelectorAll("a")) {
    link.target = "_blank";
    link.rel = "noopener noreferrer nofollow";
  }
  for (const table of fragment.querySelectorAll("table")) scrollable(wrap(table, "table"), "Table");
  for (const pre of fragment.querySelectorAll("pre")) dress(pre);
  for (const span of /** @type {NodeListOf<HTMLElement>} */ (fragment.querySelectorAll("[data-maths]"))) {
    span.dataset.tex = span.textContent ?? "";
    withMaths(({ showMaths }) => showMaths(span), later);
  }
  if (fragment.childElementCount === 1) return /** @type {HTMLElement} */ (fragment.firstElementChild);
  const group = document.createElement("div");
  group.append(fragment);
  return group;
}

/** Give the code in an element its colours; this takes too long to be done with every token. @param {Element} element @param {Change} later */
export function colour(element, later) {
  for (const code of /** @type {NodeListOf<HTMLElement>} */ (element.querySelectorAll("[data-language] code"))) {
    const { language = "" } = /** @type {HTMLElement} */ (code.closest("[data-language]")).dataset;
    withHighlight(({ highlight }) => highlight(code, language), later);
  }
}

/** A box around something wide. @param {Element} wide @param {string} name */
function wrap(wide, name) {
  const box = document.createElement("div");
  box.className = name;
  wide.replaceWith(box);
  box.append(wide);
  return box;
}

/** Let what scrolls sideways be scrolled by keyboard too. @param {HTMLElement} box @param {string} label */
function scrollable(box, label) {
  box.tabIndex = 0;
  box.setAttribute("role", "group");
  box.setAttribute("aria-label", label);
}

/** Put a head with the language and a Copy button over some code. @param {HTMLPreElement} pre */
function dress(pre) {
  const { language } = pre.dataset;
  const box = wrap(pre, "code");
  const [head, label, button] = [document.createElement("div"), document.createElement("span"), document.createElement("button")];
  if (language) box.dataset.language = label.textContent = language;
  pre.removeAttribute("data-language");
  scrollable(pre, language ? `Code in ${language}` : "Code");
  button.type = "button";
  button.className = "icon";
  button.dataset.icon = "copy";
  button.title = "Copy code";
  button.setAttribute("aria-label", "Copy code");
  button.addEventListener("click", () => copy(button, pre.textContent ?? "", pre));
  head.append(label, button);
  box.prepend(head);
}

/**
 * What is loaded when it is first needed; where that fails, the text stays as it is.
 * @template Module
 * @param {() => Promise<Module>} load
 */
function lazy(load) {
  /** @type {Module | undefined} */
  let loaded;
  /** @type {Promise<Module> | undefined} */
  let loading;
  /** @param {(module: Module) => void} use @param {Change} later */
  return (use, later) => {
    if (loaded) return use(loaded);
    loading ??= load();
    loading.then(
      (module) => {
        loaded = module;
        later(() => use(module));
      },
      () => {},
    );
  };
}
