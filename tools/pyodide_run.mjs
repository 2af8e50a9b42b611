// Runs a Python script in Pyodide under Node, on the files of this machine:
//   node tools/pyodide_run.mjs SCRIPT.py ARGUMENT...
// The script sees the project's folder under its own path, sys.argv as usual, and the imports beside itself.
import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { loadPyodide } from "pyodide";

const [script, ...argv] = process.argv.slice(2);
const project = dirname(dirname(fileURLToPath(import.meta.url)));

// No column numbers in what it compiles: tracebacks name files and lines, and a compiled module is a fifth smaller.
const env = { HOME: "/home/pyodide", PYTHONDONTWRITEBYTECODE: "1", PYTHONNODEBUGRANGES: "1" };
const pyodide = await loadPyodide({ args: [], env });
pyodide.FS.mkdirTree(project);
pyodide.FS.mount(pyodide.FS.filesystems.NODEFS, { root: project }, project);
pyodide.FS.chdir(project);

const sys = pyodide.pyimport("sys");
sys.argv = pyodide.toPy([script, ...argv]);
sys.path.insert(0, dirname(resolve(script)));
const globals = pyodide.toPy({ __name__: "__main__", __file__: script });
try {
  await pyodide.runPythonAsync(readFileSync(script, "utf8"), { globals, filename: script });
} catch (error) {
  console.error(String(error.message ?? error).trim());
  process.exitCode = 1;
}
