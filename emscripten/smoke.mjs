// The proof that a bundle works: its Pyodide, under Node, installs the wheel with micropip, loads the embedded model, tokenises,
// and decodes greedily; ids must be those that another program wrote down for the same model.
//   node emscripten/smoke.mjs DIST
import { readFileSync, readdirSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const project = dirname(dirname(fileURLToPath(import.meta.url)));
const dist = resolve(process.argv[2]);
const [wheel] = readdirSync(join(dist, "wheels")).filter((name) => name.startsWith("bitnet_tab-"));

globalThis.location = { href: pathToFileURL(join(dist, "index.html")).href }; // what a browser would have

const { loadPyodide } = await import(pathToFileURL(join(dist, "pyodide/pyodide.mjs")).href);
const pyodide = await loadPyodide({
  lockFileURL: join(dist, "pyodide-lock.json"),
  packageBaseUrl: `${dist}/`,
  packages: ["micropip"],
  stdout: () => {},
});
for (const [folder, place] of [[dist, "/dist"], [join(project, "tests/golden"), "/golden"]]) {
  pyodide.FS.mkdirTree(place);
  pyodide.FS.mount(pyodide.FS.filesystems.NODEFS, { root: folder }, place);
}
try {
  const globals = pyodide.toPy({ wheel: `emfs:/dist/wheels/${wheel}` });
  const script = readFileSync(join(project, "emscripten/smoke.py"), "utf8");
  console.log(await pyodide.runPythonAsync(script, { globals, filename: "smoke.py" }));
} catch (error) {
  console.error(String(error.message ?? error).trim());
  process.exit(1);
}
