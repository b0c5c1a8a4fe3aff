// Starts the CPython that pyodide brings, with two folders of this machine in it, and runs the
// tests there: node run.mjs PYODIDE-FOLDER REPOSITORY SITE-FOLDER [argument of pytest]...
// The exit code is that of tests/wasm/inside.py.
import { pathToFileURL } from "node:url";

const [pyodideFolder, repository, site, ...rest] = process.argv.slice(2);
const { loadPyodide } = await import(pathToFileURL(`${pyodideFolder}/pyodide.mjs`));
const python = await loadPyodide({ env: { HOME: "/home/pyodide", PYTHONDONTWRITEBYTECODE: "1" } });
for (const [inside, outside] of [["/repository", repository], ["/site", site]]) {
  python.FS.mkdirTree(inside);
  python.FS.mount(python.FS.filesystems.NODEFS, { root: outside }, inside);
}
python.globals.set("REST", python.toPy(rest));
process.exitCode = python.runPython(`
import os, sys
sys.path[:0] = ["/repository", "/repository/src", "/site"]
os.chdir("/repository")
from tests.wasm.inside import main
main(REST)
`);
