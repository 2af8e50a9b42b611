// Buttons that put a text on the clipboard, and say what has become of it; otherwise they have a picture and no text.

const RESULT_MS = 1500;

/**
 * @param {HTMLButtonElement} button
 * @param {string} text
 * @param {Element} shown where the visitor sees it
 */
export async function copy(button, text, shown) {
  /** @param {string} done */
  const show = (done) => {
    button.textContent = done;
    setTimeout(() => (button.textContent = ""), RESULT_MS);
  };
  try {
    await navigator.clipboard.writeText(text);
    show("Copied");
  } catch {
    // Without https there is no clipboard, or it was refused: the old way, else what the visitor then copies by hand.
    getSelection()?.selectAllChildren(shown);
    show(copySelection(text) ? "Copied" : "Selected");
  }
}

/** Copy *text* in the name of what is selected. @param {string} text */
function copySelection(text) {
  /** @param {ClipboardEvent} event */
  const give = (event) => {
    event.clipboardData?.setData("text/plain", text);
    event.preventDefault();
  };
  document.addEventListener("copy", give);
  const isCopied = document.execCommand("copy");
  document.removeEventListener("copy", give);
  return isCopied;
}
