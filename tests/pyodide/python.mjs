// One Pyodide with the built wheels and the test runner, the project's folder mounted at its own path.
import { readFileSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { loadPyodide } from "pyodide";

const [build, ...pytestArguments] = process.argv.slice(2);
const project = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

globalThis.location = { href: "http://127.0.0.1/" }; // what a browser would have

const pyodide = await loadPyodide({ args: [], env: { HOME: "/home/pyodide", PYTHONDONTWRITEBYTECODE: "1" } });
const extractDir = pyodide.runPython("import site; site.getsitepackages()[0]");
for (const folder of ["build/wheels", "build/test-wheels"]) {
  for (const wheel of readdirSync(join(project, folder)).filter((name) => name.endsWith(".whl"))) {
    const bytes = new Uint8Array(readFileSync(join(project, folder, wheel)));
    pyodide.unpackArchive(bytes, "wheel", { extractDir });
  }
}
pyodide.FS.mkdirTree(project);
pyodide.FS.mount(pyodide.FS.filesystems.NODEFS, { root: project }, project);
pyodide.FS.chdir(project);

const globals = pyodide.toPy({ build, pytest_arguments: pytestArguments });
const script = readFileSync(join(project, "tests/pyodide/run_tests.py"), "utf8");
try {
  process.exit(await pyodide.runPythonAsync(script, { globals, filename: "run_tests.py" }));
} catch (error) {
  console.error(String(error.message ?? error).trim()); // not the line of Pyodide that threw it: it has a megabyte
  process.exit(1);
}
