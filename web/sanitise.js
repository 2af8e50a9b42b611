// The one way from somebody's markup to nodes of the page: what is not listed here does not pass.

import DOMPurify from "./dompurify/dompurify.js";

export const LINK = /^(?:https?|mailto):/i;

const TAGS = "a blockquote br code em h3 h4 h5 h6 hr li ol p pre s span strong table tbody td th thead tr ul".split(" ");
const ATTRIBUTES = ["data-align", "data-language", "data-maths", "start", "title"];

const STRICT = /** @type {const} */ ({ ALLOW_ARIA_ATTR: false, ALLOW_DATA_ATTR: false, RETURN_DOM_FRAGMENT: true });
const MARKDOWN = {
  ...STRICT,
  ALLOWED_TAGS: TAGS,
  ALLOWED_ATTR: [...ATTRIBUTES, "href"],
  ALLOWED_URI_REGEXP: LINK,
  ADD_URI_SAFE_ATTR: ATTRIBUTES,
};
const SPANS = { ...STRICT, ALLOWED_TAGS: ["span"], ALLOWED_ATTR: ["class"] };
const MATHS = { ...STRICT, USE_PROFILES: { mathMl: true }, FORBID_ATTR: ["href", "id", "name", "style"] };

/** What Markdown becomes. @param {string} html */
export const sanitised = (html) => DOMPurify.sanitize(html, MARKDOWN);

/** What colouring makes of code: spans with classes. @param {string} html */
export const sanitisedSpans = (html) => DOMPurify.sanitize(html, SPANS);

/** Formulas. @param {Node} math */
export const sanitisedMaths = (math) => DOMPurify.sanitize(math, MATHS);
