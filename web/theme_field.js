// The field in which a theme is chosen: "light", "dark", or "" for that of the system. theme.js sets it at the next visit.

import { read, write } from "./device.js";

const KEY = "bitnet-tab:theme";

/** @param {HTMLSelectElement} field */
export function offerThemes(field) {
  const { dataset } = document.documentElement;
  field.value = dataset.theme ?? "";
  field.addEventListener("change", () => {
    dataset.theme = field.value;
    write(KEY, field.value);
  });
  window.addEventListener("storage", ({ key }) => {
    if (key === KEY || key === null) field.value = dataset.theme = read(KEY); // another tab has chosen
  });
}
