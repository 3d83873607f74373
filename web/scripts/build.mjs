// Builds the page into dist/: one script, one style sheet, and the document that names them.
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';

const MOST_SCRIPT_BYTES = 150 * 1024;

process.chdir(fileURLToPath(new URL('..', import.meta.url)));
await rm('dist', { recursive: true, force: true });
await mkdir('dist', { recursive: true });
await build({
  entryPoints: { app: 'src/ui/main.tsx' },
  outdir: 'dist/assets',
  entryNames: '[name]-[hash]',
  bundle: true,
  minify: true,
  format: 'esm',
  target: ['chrome111', 'firefox115', 'safari16.4'],
  jsx: 'automatic',
  jsxImportSource: 'preact',
  legalComments: 'linked',
  logLevel: 'warning',
});

const assets = (await readdir('dist/assets')).filter((name) => !name.endsWith('.LEGAL.txt'));
const named = (end) => `/assets/${assets.find((name) => name.endsWith(end))}`;
const page = (await readFile('index.html', 'utf8'))
  .replace('%SCRIPT%', named('.js'))
  .replace('%STYLE%', named('.css'));
await writeFile('dist/index.html', page);
await writeFile('dist/icon.svg', await readFile('icon.svg'));

// What a person's browser has to fetch before it can call.
let scripts = 0;
for (const name of assets) {
  const packed = gzipSync(await readFile(join('dist/assets', name)), { level: 9 }).length;
  if (name.endsWith('.js')) scripts += packed;
  console.log(`web: ${basename(name)} ${(packed / 1024).toFixed(1)} KiB gzipped`);
}
if (scripts > MOST_SCRIPT_BYTES) {
  console.error(`web: the script is larger than ${MOST_SCRIPT_BYTES / 1024} KiB gzipped`);
  process.exit(1);
}
