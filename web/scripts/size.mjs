// Says what a person's browser has to fetch before it can call, and fails if that is too much.
import { readdir, stat } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

const MOST_SCRIPT_BYTES = 150 * 1024;

process.chdir(fileURLToPath(new URL('../dist/assets', import.meta.url)));
let scripts = 0;
for (const name of await readdir('.')) {
  if (!name.endsWith('.gz')) continue;
  const { size } = await stat(name);
  if (name.endsWith('.js.gz')) scripts += size;
  console.log(`web: ${name} ${(size / 1024).toFixed(1)} KiB`);
}
if (scripts === 0 || scripts > MOST_SCRIPT_BYTES) {
  console.error(`web: the script has ${(scripts / 1024).toFixed(1)} KiB gzipped; it may have ${MOST_SCRIPT_BYTES / 1024}`);
  process.exit(1);
}
