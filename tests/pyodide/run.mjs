// Runs tests/unit and tests/pyodide inside Pyodide, once for each build of the core:
//   node tests/pyodide/run.mjs [ARGUMENT OF PYTEST...]
// Each build gets a process of its own, since a Python holds one core only.
import { spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
mkdirSync(join(here, "../../build/reports"), { recursive: true });

let failed = false;
for (const build of ["relaxed", "simd128"]) {
  console.log(`\n== in Pyodide, core-${build}.wasm`);
  // Node 24 hides stack switching behind a flag; asyncio.run needs it inside Pyodide.
  const flags = ["--experimental-wasm-jspi", "--no-warnings"];
  const run = spawnSync(process.execPath, [...flags, join(here, "python.mjs"), build, ...process.argv.slice(2)], {
    stdio: "inherit",
  });
  failed ||= run.status !== 0;
}
process.exit(failed ? 1 : 0);
