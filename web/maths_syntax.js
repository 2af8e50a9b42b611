// Formulas in Markdown: $..$ and \(..\) in a line, $$..$$ and \[..\] in a line or as a block of their own. They become
// <span data-maths> with the TeX as its text; a formula that is not closed is no formula.

/** @typedef {import("markdown-it").MarkdownIt} MarkdownIt */
/** @typedef {import("markdown-it").StateBlock} StateBlock */
/** @typedef {import("markdown-it").StateInline} StateInline */

const LONGEST = 1000; // characters of a formula in a line
const MOST_LINES = 40; // of a block

const MARKS = [
  { open: "$$", close: "$$", isDisplay: true },
  { open: "$", close: "$", isDisplay: false },
  { open: "\\(", close: "\\)", isDisplay: false },
  { open: "\\[", close: "\\]", isDisplay: true },
];

/** @param {string} text @param {number} at */
const marksAt = (text, at) => MARKS.find(({ open }) => text.startsWith(open, at));

/** Whether an odd number of backslashes stands before it. @param {string} text @param {number} at */
function isEscaped(text, at) {
  let begin = at;
  while (text[begin - 1] === "\\") begin--;
  return (at - begin) % 2 === 1;
}

/** Where *text* has the closing mark, or -1. @param {string} text @param {string} close */
function closeOf(text, close) {
  let at = text.indexOf(close);
  while (at >= 0 && isEscaped(text, at)) at = text.indexOf(close, at + 1);
  return at;
}

/** @param {StateInline} state @param {boolean} silent */
function inLine(state, silent) {
  const marks = marksAt(state.src, state.pos);
  if (!marks) return false;
  const begin = state.pos + marks.open.length;
  const text = state.src.slice(begin, Math.min(begin + LONGEST, state.posMax));
  const length = closeOf(text, marks.close);
  const formula = text.slice(0, Math.max(0, length));
  if (!formula.trim()) return false;
  // A price is no formula: its sign stands behind a space or before a digit.
  if (marks.open === "$" && (/^\s|\n|\s$/.test(formula) || /\d/.test(text[length + 1] ?? ""))) return false;
  if (!silent) push(state, formula, marks.isDisplay);
  state.pos = begin + length + marks.close.length;
  return true;
}

/** @param {StateBlock} state @param {number} firstLine @param {number} endLine @param {boolean} silent */
function asBlock(state, firstLine, endLine, silent) {
  if (state.sCount[firstLine] - state.blkIndent >= 4) return false; // indented code
  const marks = marksAt(state.src, state.bMarks[firstLine] + state.tShift[firstLine]);
  if (!marks?.isDisplay) return false;
  let formula = "";
  for (let line = firstLine; line < Math.min(endLine, firstLine + MOST_LINES); line++) {
    if (state.isEmpty(line) || state.sCount[line] < state.blkIndent) return false;
    const whole = state.getLines(line, line + 1, state.blkIndent, true);
    const text = line === firstLine ? whole.trimStart().slice(marks.open.length) : whole;
    const length = closeOf(text, marks.close);
    formula += length < 0 ? text : text.slice(0, length);
    if (length < 0) continue;
    if (!formula.trim() || text.slice(length + marks.close.length).trim()) return false;
    if (silent) return true;
    const token = push(state, formula, true);
    token.block = true;
    token.map = [firstLine, line + 1];
    state.line = line + 1;
    return true;
  }
  return false;
}

/** @param {StateBlock | StateInline} state @param {string} formula @param {boolean} isDisplay */
function push(state, formula, isDisplay) {
  const token = state.push("maths", "span", 0);
  token.content = formula.trim();
  token.info = isDisplay ? "display" : "inline";
  return token;
}

/** @param {MarkdownIt} parser */
export function mathsSyntax(parser) {
  parser.inline.ruler.before("escape", "maths", inLine);
  parser.block.ruler.before("fence", "maths", asBlock, { alt: ["paragraph", "reference", "blockquote", "list"] });
  parser.renderer.rules.maths = (tokens, at) => {
    const { block, content, info } = tokens[at];
    const span = `<span data-maths="${info}">${parser.utils.escapeHtml(content)}</span>`;
    return block ? `<p>${span}</p>\n` : span;
  };
}
