// Refuse a stand-alone module that does not start, answer and grow:   node check_standalone.mjs BITNET.js
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

const path = process.argv[2];
const { default: createBitnet } = await import(pathToFileURL(resolve(path)).href);
const core = await createBitnet();
const before = core.HEAPU8.length;
const address = core._malloc(before) >>> 0; // more than is free, so the memory has to grow
if (core._bn_abi_version() < 1 || !core.UTF8ToString(core._bn_version()) || !address || core.HEAPU8.length <= before) {
  console.error(`${path} starts, but does not answer or grow: its glue and its wasm do not belong together; link it again`);
  process.exit(1);
}
