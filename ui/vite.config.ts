import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { defineConfig, type Plugin } from 'vitest/config';

/**
 * Writes a .br and a .gz beside each asset, so that the server never compresses
 * while a reader waits.
 */
function precompress(): Plugin {
  let dir = 'dist';
  return {
    name: 'precompress',
    apply: 'build',
    configResolved(config) {
      dir = join(config.root, config.build.outDir);
    },
    closeBundle() {
      for (const name of readdirSync(dir, { recursive: true, encoding: 'utf8' })) {
        if (!/\.(html|js|css|svg|txt|webmanifest)$/.test(name)) continue;
        const path = join(dir, name);
        const bytes = readFileSync(path);
        writeFileSync(`${path}.gz`, gzipSync(bytes, { level: 9 }));
        writeFileSync(
          `${path}.br`,
          brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }),
        );
      }
    },
  };
}

/**
 * What a build depends on. The build script of the crate `ui-assets` has the same list and
 * the same rule, and so knows without looking at times whether `dist` is up to date.
 */
const sources = ['index.html', 'package-lock.json', 'public', 'src', 'vite.config.ts'];

function digestOfSources(root: string): string {
  const listed = (name: string): string[] =>
    statSync(join(root, name)).isDirectory()
      ? readdirSync(join(root, name)).flatMap((inner) => listed(`${name}/${inner}`))
      : [name];
  const files = sources.flatMap(listed).filter((name) => !name.includes('.test.'));
  const hash = createHash('sha256');
  // By bytes, as the other side sorts.
  for (const name of files.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))) {
    const bytes = readFileSync(join(root, name));
    hash.update(`${name}\0${bytes.length}\0`).update(bytes);
  }
  return hash.digest('hex');
}

function stamp(): Plugin {
  let root = '.';
  let dir = 'dist';
  let digest = '';
  return {
    name: 'stamp',
    apply: 'build',
    configResolved(config) {
      root = config.root;
      dir = join(config.root, config.build.outDir);
    },
    buildStart() {
      // Taken before anything is read: a change during the build leaves a stale stamp.
      digest = digestOfSources(root);
    },
    closeBundle() {
      writeFileSync(join(dir, '.sources'), `${digest}\n`);
    },
  };
}

/**
 * Leaves out the parts of uPlot that nothing here uses and no bundler can tell to be unused:
 * what hangs on its export, its legend, and its own calendar (no scale of ours is a time to
 * it). Each with how often it stands there: fails the build when the text has changed.
 */
const unusedParts: [number, RegExp, string][] = [
  [3, /\(?paths\.(stepped|bars|spline) *= *\w+\)?;/g, ''],
  [6, /uPlot\.(join|fmtDate|tzDate|rangeLog|rangeAsinh|orient) *= *\w+;/g, ''],
  [1, /showLegend = legend\.show;/g, 'showLegend = false;'],
  [2, /isTime = sc\.time;/g, 'isTime = false;'],
  [1, /isTime = mode == 1 && scales\[s\.scale\]\.time;/g, 'isTime = false;'],
  [2, /const \[[^\]]*\] = genTimeStuffs\([^)]*\);/g, ''],
  [3, /const _time(AxisSplits|AxisVals|SeriesVal) *= .*;/g, ''],
];

function leanChart(): Plugin {
  return {
    name: 'lean-chart',
    apply: 'build',
    transform(code, id) {
      if (!id.endsWith('uPlot.esm.js')) return null;
      for (const [times, part, instead] of unusedParts) {
        if (code.match(part)?.length !== times)
          this.error(`uPlot has changed: look at ${part} again`);
        code = code.replace(part, instead);
      }
      return { code, map: null };
    },
  };
}

/** What pages share goes in few chunks: each has a price, and packs worse than a larger one. */
const chunks = [
  {
    name: 'frame',
    test: /\/node_modules\/(@preact|preact)\/|\/src\/(main|app|i18n\/index)\.tsx?$/,
  },
  {
    name: 'parts',
    test: /\/src\/(components\/(DemoBadge|Failure|lazily|StatusMark|Unit)|state\/status|chart\/hue)\.tsx?$/,
  },
];

// Tests of local time need a zone whose clocks jump.
if (process.env['VITEST']) process.env['TZ'] = 'Europe/Berlin';

const server = process.env['SENSORIUM_URL'] ?? 'http://127.0.0.1:8080';

export default defineConfig({
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  plugins: [leanChart(), precompress(), stamp()],
  build: {
    // Inlined assets would need `data:` in the content security policy.
    assetsInlineLimit: 0,
    modulePreload: false,
    reportCompressedSize: false,
    rolldownOptions: { output: { codeSplitting: { groups: chunks } } },
  },
  server: { proxy: { '/api': { target: server, ws: true }, '/health': server } },
  test: { environment: 'happy-dom', include: ['src/**/*.test.ts', 'src/**/*.test.tsx'] },
});
