// The tokens of an answer: arrow keys move among them, and a dialog stands beside the one that it is about.

const GAP_PX = 6;
const EDGE_PX = 8;

/** @param {KeyboardEvent} event */
export const isAtToken = ({ target }) => target instanceof Element && target.matches(".token");

/**
 * Move the focus to another token of the same answer, if there is one.
 * @param {KeyboardEvent} event
 * @param {(at: number, last: number) => number} where
 */
export function goToToken({ target }, where) {
  const from = /** @type {HTMLElement} */ (target);
  const tokens = /** @type {HTMLElement[]} */ ([...(from.closest(".tokens")?.querySelectorAll(".token") ?? [])]);
  const to = tokens[where(tokens.indexOf(from), tokens.length - 1)];
  if (!to) return;
  for (const token of tokens) token.tabIndex = -1; // one of them is in the order of Tab
  to.tabIndex = 0;
  to.focus();
}

/** Under an element, or above it where there is no room. @param {HTMLElement} shown @param {Element} target */
export function placeBeside(shown, target) {
  const { left, top, bottom } = target.getBoundingClientRect();
  const { offsetWidth, offsetHeight } = shown;
  const fits = bottom + GAP_PX + offsetHeight <= innerHeight - EDGE_PX;
  const wanted = fits ? bottom + GAP_PX : top - GAP_PX - offsetHeight;
  shown.style.left = `${Math.max(EDGE_PX, Math.min(left, innerWidth - offsetWidth - EDGE_PX))}px`;
  shown.style.top = `${Math.max(EDGE_PX, wanted)}px`;
}
