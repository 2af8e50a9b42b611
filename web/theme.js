// The theme that was chosen on this device, set before the first paint: a classic script, since modules run after it.
try {
  document.documentElement.dataset.theme = localStorage.getItem("bitnet-tab:theme") ?? "";
} catch {
  // Nothing can be stored here: the system's theme.
}
