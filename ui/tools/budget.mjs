// Size gates over ui/dist, in gzip bytes. The limits are the targets of the design, so a
// heavier page fails here before anyone has to notice it on a slow phone.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

const dist = new URL('../dist/', import.meta.url).pathname;
const size = (file) => gzipSync(readFileSync(join(dist, file)), { level: 9 }).length;
const assets = readdirSync(join(dist, 'assets')).filter((name) => /\.(js|css)$/.test(name));
const html = readFileSync(join(dist, 'index.html'), 'utf8');
const first = assets.filter((name) => html.includes(name));
const device = assets.filter((name) => !first.includes(name) && !name.startsWith('inbox'));
const sum = (names) => names.reduce((total, name) => total + size(`assets/${name}`), 0);

const overview = size('index.html') + size('theme.js') + sum(first);
const gates = [
  ['overview, first load', overview, 35_000],
  ['device page, first load (with uPlot)', overview + sum(device), 60_000],
];
let failed = false;
for (const name of assets) console.log(String(size(`assets/${name}`)).padStart(8), name);
for (const [what, bytes, limit] of gates) {
  const verdict = bytes <= limit ? 'ok' : 'TOO BIG';
  console.log(`${String(bytes).padStart(8)} of ${limit}  ${what}: ${verdict}`);
  failed ||= bytes > limit;
}
if (/<script(?![^>]*\bsrc=)[^>]*>|<style|style="/.test(html)) {
  console.log('index.html holds an inline script or style, which the policy forbids');
  failed = true;
}
process.exit(failed ? 1 : 0);
