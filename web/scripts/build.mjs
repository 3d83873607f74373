// Builds the page into dist/: one script, one style sheet, and the document that names them.
import { copyFile, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';

process.chdir(fileURLToPath(new URL('..', import.meta.url)));
await mkdir('dist', { recursive: true });
for (const name of await readdir('dist')) {
  // The folder itself is under version control.
  if (name !== '.gitignore') await rm(`dist/${name}`, { recursive: true });
}
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
await copyFile('icon.svg', 'dist/icon.svg');
await writeFile('dist/licences.txt', await licences());

// The server sends what is packed already to whoever takes it.
for (const name of assets) {
  await writeFile(`dist/assets/${name}.gz`, gzipSync(await readFile(`dist/assets/${name}`), { level: 9 }));
}

/** The licences of what is in the script: they ask to be handed on with it. */
async function licences() {
  const { packages } = JSON.parse(await readFile('package-lock.json', 'utf8'));
  const shipped = Object.entries(packages).filter(([path, entry]) => path !== '' && !entry.dev);
  const texts = shipped.map(async ([path, { version, license }]) => {
    const file = (await readdir(path)).find((name) => /^licen[cs]e/i.test(name));
    const text = file === undefined ? `Licence: ${license}` : await readFile(`${path}/${file}`, 'utf8');
    return `${path.replace('node_modules/', '')} ${version}\n\n${text.trim()}\n`;
  });
  return (await Promise.all(texts)).join(`\n${'-'.repeat(72)}\n\n`);
}
