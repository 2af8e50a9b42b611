// window.answer(isBusy): a new answer in place of the one before. window.finish(): it will not grow any more.
// window.frame(): what was appended has been drawn. window.heard: what a screen reader was given, in order.
// window.foreign(): what is in the answer and could not come from Markdown.

import { Answer } from "../answer.js";

const log = document.getElementById("log");
const spoken = document.getElementById("spoken");

window.heard = [];
new MutationObserver((changes) => {
  for (const { addedNodes } of changes) window.heard.push(...[...addedNodes].map(({ textContent }) => textContent));
}).observe(spoken, { childList: true });

let element;

window.answer = (isBusy) => {
  element = document.createElement("article");
  element.className = "entry";
  element.dataset.role = "assistant";
  element.setAttribute("aria-busy", String(isBusy));
  log.replaceChildren(element);
  window.made = new Answer(element, spoken, (change) => change());
  window.heard.length = 0;
};

window.finish = () => {
  element.setAttribute("aria-busy", "false");
  window.made.draw();
};

window.frame = () => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(() => resolve())));

const MATHML = "http://www.w3.org/1998/Math/MathML";
const TAGS = /^(a|blockquote|br|button|code|div|em|h[3-6]|hr|li|ol|p|pre|s|span|strong|table|tbody|td|th|thead|tr|ul)$/i;
const ATTRIBUTES =
  /^(aria-label|class|data-(align|end|icon|language|maths|tex)|href|rel|role|start|tabindex|target|title|type)$/;
const CLASSES = /^(code|table|icon|hljs-[a-z_-]+( [a-z_]+)*|language-[a-z]+)$/;

function* wrongWith({ tagName, attributes, namespaceURI, textContent }, isInMaths) {
  if (isInMaths ? namespaceURI !== MATHML : !TAGS.test(tagName)) yield tagName;
  if (tagName === "BUTTON" && textContent !== "") yield "a button of the model's";
  for (const { name, value } of attributes) {
    const isWrong = isInMaths ? /^(on|href|src|style|id|name|class)/.test(name) : !ATTRIBUTES.test(name);
    if (isWrong || (name === "class" && !CLASSES.test(value)) || (name === "href" && !/^(https?:\/\/|mailto:)/.test(value)))
      yield `${tagName} ${name}=${value}`;
  }
}

window.foreign = () =>
  [...element.querySelectorAll("*")].flatMap((each) => [...wrongWith(each, Boolean(each.closest("math")))]);
