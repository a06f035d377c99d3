// Size gates over ui/dist, in gzip bytes. The limits are the targets of the design, so a
// heavier page fails here before anyone has to notice it on a slow phone. A page weighs
// what loads without a click: the frame, its own chunk, and all that those import.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

const dist = new URL('../dist/', import.meta.url).pathname;
const read = (file) => readFileSync(join(dist, file));
const size = (file) => gzipSync(read(file), { level: 9 }).length;
const assets = readdirSync(join(dist, 'assets')).filter((name) => /\.(js|css)$/.test(name));
const html = read('index.html').toString();

/** The style sheets of each chunk that loads on demand: its importer lists them by number. */
const styles = new Map();
for (const name of assets.filter((one) => one.endsWith('.js'))) {
  const code = read(`assets/${name}`).toString();
  const list = /m\.f=\[([^\]]*)\]/.exec(code)?.[1] ?? '';
  const files = [...list.matchAll(/assets\/([^"'`]+)/g)].map((found) => found[1]);
  const loads =
    /import\(["'`]\.\/([^"'`]+)["'`]\)(?:(?!import\()[\s\S])*?__vite__mapDeps\(\[([\d,]*)\]\)/g;
  for (const [, chunk, numbers] of code.matchAll(loads)) {
    styles.set(
      chunk,
      numbers.split(',').map((number) => files[Number(number)]),
    );
  }
}

/** `names` and everything that they import statically, with the style of each. */
function closure(names, seen = new Set()) {
  for (const name of names) {
    if (!name || seen.has(name)) continue;
    seen.add(name);
    if (!name.endsWith('.js')) continue;
    const code = read(`assets/${name}`).toString();
    const imported = [...code.matchAll(/(?:from|import)\s*["'`]\.\/([^"'`]+)["'`]/g)];
    closure([...imported.map((found) => found[1]), ...(styles.get(name) ?? [])], seen);
  }
  return seen;
}

const frame = assets.filter((name) => html.includes(name));
function load(page) {
  const chunks = assets.filter((name) => name.startsWith(`${page}-`) && name.endsWith('.js'));
  if (chunks.length === 0) return 0;
  const parts = [...closure([...frame, ...chunks])].map((name) => size(`assets/${name}`));
  return parts.reduce((sum, bytes) => sum + bytes, size('index.html') + size('theme.js'));
}

const gates = [
  ['overview, first load', load('overview'), 35_000],
  ['inbox, first load', load('inbox'), 35_000],
  ['topics, first load', load('topics'), 40_000],
  ['sources, first load', load('sources'), 40_000],
  ['add, first load', load('add'), 40_000],
  ['device page, first load, with uPlot', load('device'), 60_000],
];
let failed = false;
for (const name of assets) console.log(String(size(`assets/${name}`)).padStart(8), name);
for (const [what, bytes, limit] of gates) {
  const verdict = bytes === 0 ? 'MISSING' : bytes <= limit ? 'ok' : 'TOO BIG';
  console.log(`${String(bytes).padStart(8)} of ${limit}  ${what}: ${verdict}`);
  failed ||= verdict !== 'ok';
}
if (/<script(?![^>]*\bsrc=)[^>]*>|<style|style="/.test(html)) {
  console.log('index.html holds an inline script or style, which the policy forbids');
  failed = true;
}
process.exit(failed ? 1 : 0);
