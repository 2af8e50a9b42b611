// A Pyodide as somebody else's page or notebook would start it, with micropip and nothing of this project.

import { loadPyodide } from "../pyodide/pyodide.mjs";
import { ranksFrom } from "../ranks.js";
import { storageFrom } from "../storage.js";

const here = (path) => new URL(path, import.meta.url).href;

const started = loadPyodide({
  indexURL: here("../pyodide/"),
  stdLibURL: here("../pyodide/python_stdlib.zip"),
  lockFileURL: here("../pyodide-lock.json"),
  packageBaseUrl: here("../"),
  packages: ["micropip"],
  stdout: () => {},
});

let ranks, storage; // of the first message

addEventListener("message", async ({ data: { ports, code, data } }) => {
  if (ports) return ([ranks, storage] = [ranksFrom(ports.ranks), storageFrom(ports.storage)]);
  const globals = (await started).toPy({ data });
  try {
    globals.set("ranks", ranks);
    globals.set("storage", storage);
    postMessage({ result: await (await started).runPythonAsync(code, { globals }) });
  } catch (error) {
    postMessage({ error: String(error) });
  } finally {
    globals.destroy();
  }
});
