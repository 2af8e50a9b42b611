// Before anything modern is loaded: can the page run here at all? A classic script, since browsers refuse
// module scripts on file:// pages, which is one of the cases that it has to explain.
(function () {
  "use strict";

  // A module with one function that needs 128-bit SIMD: i32.const 0, i8x16.splat, drop.
  const SIMD_PROBE = new Uint8Array([
    0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00, 0x01, 0x04, 0x01, 0x60, 0x00, 0x00, 0x03, 0x02, 0x01, 0x00, 0x0a,
    0x09, 0x01, 0x07, 0x00, 0x41, 0x00, 0xfd, 0x0f, 0x1a, 0x0b,
  ]);

  /** @returns {string} one sentence, or "" when nothing stands in the way */
  function obstacle() {
    if (location.protocol === "file:") {
      return (
        "Opened as a file, this page may not start its engine: run `make run` (or `python -m http.server` in this " +
        "folder) and open the address that it prints."
      );
    }
    if (typeof WebAssembly !== "object" || !WebAssembly.validate(SIMD_PROBE)) {
      return (
        "This browser has no WebAssembly SIMD, which the model needs: update it, or open this address in a current " +
        "Chrome, Edge, Firefox or Safari."
      );
    }
    if (typeof Worker !== "function") {
      return "This browser has no web workers, which the engine needs: open this address in a current browser.";
    }
    return "";
  }

  const sentence = obstacle();
  if (!sentence) {
    const host = document.createElement("script");
    host.type = "module";
    host.src = "host.js";
    document.head.append(host);
    return;
  }
  const alert = document.createElement("p");
  alert.className = "notice";
  alert.setAttribute("role", "alert");
  alert.textContent = sentence;
  document.getElementById("notices")?.append(alert);
  document.getElementById("loading")?.setAttribute("hidden", "");
  document.documentElement.dataset.state = "error";
})();
