// Colours for code. Loaded with the first code block that names its language.

import hljs from "./highlight/highlight.js";
import { sanitisedSpans } from "./sanitise.js";

const LONGEST = 50_000; // characters; more would be noticed as a pause

/** @param {HTMLElement} code @param {string} language */
export function highlight(code, language) {
  const text = code.textContent ?? "";
  if (text.length > LONGEST || !hljs.getLanguage(language)) return;
  code.replaceChildren(sanitisedSpans(hljs.highlight(text, { language, ignoreIllegals: true }).value));
}
