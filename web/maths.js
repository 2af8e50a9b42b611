// TeX -> MathML. Loaded with the first formula.

import temml from "./temml/temml.js";
import { sanitisedMaths } from "./sanitise.js";

/** Show the formula in place of its TeX; what is no TeX stays as it is. @param {HTMLElement} span */
export function showMaths(span) {
  const tex = span.textContent ?? "";
  const made = document.createElement("span");
  try {
    temml.render(tex, made, { displayMode: span.dataset.maths === "display", throwOnError: true, maxSize: [20, 20] });
  } catch {
    return;
  }
  const fragment = sanitisedMaths(made);
  const math = fragment.querySelector("math");
  if (math) span.replaceChildren(math);
}
