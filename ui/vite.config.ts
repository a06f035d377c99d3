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
 * Leaves out the parts of uPlot that nothing here calls: they hang on its export, where no
 * bundler can tell that they are unused. Fails the build when the text has changed.
 */
function leanChart(): Plugin {
  const unused =
    /\(?paths\.(stepped|bars|spline) *= *\w+\)?;|uPlot\.(join|fmtDate|tzDate|rangeLog|rangeAsinh|orient) *= *\w+;/g;
  return {
    name: 'lean-chart',
    apply: 'build',
    transform(code, id) {
      if (!id.endsWith('uPlot.esm.js')) return null;
      if (code.match(unused)?.length !== 9)
        this.error('uPlot has changed: look at leanChart again');
      return { code: code.replace(unused, ''), map: null };
    },
  };
}

// Tests of local time need a zone whose clocks jump.
if (process.env['VITEST']) process.env['TZ'] = 'Europe/Berlin';

const server = process.env['SENSORIUM_URL'] ?? 'http://127.0.0.1:8080';

export default defineConfig({
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  plugins: [leanChart(), precompress(), stamp()],
  build: {
    // Inlined assets would need `data:` in the content security policy.
    assetsInlineLimit: 0,
    // Pages are small and few: one style sheet and no preloading code weigh less than many.
    modulePreload: false,
    cssCodeSplit: false,
    reportCompressedSize: false,
  },
  server: { proxy: { '/api': { target: server, ws: true }, '/health': server } },
  test: { environment: 'happy-dom', include: ['src/**/*.test.ts', 'src/**/*.test.tsx'] },
});
