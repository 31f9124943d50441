import { spawnSync } from 'node:child_process';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

/*
 * `npm run bench`: builds the product and the bench, then runs it. `-- --quick` for 100 k records instead of a million.
 * The bench is compiled together with the sources that it measures in-process, into .tmp/bench.
 */
const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const args = process.argv.slice(2);

if (!args.includes('--no-build')) {
  for (const project of ['tsconfig.build.json', 'bench/tsconfig.json']) {
    const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
    const { status } = spawnSync(process.execPath, [tsc, '-p', project], { cwd: root, stdio: 'inherit' });
    if (status !== 0) process.exit(status ?? 1);
  }
}
if (args.includes('--start')) {
  const { benchStart } = await import('./start.mjs');
  process.exit(await benchStart());
}
const { main } = await import(pathToFileURL(join(root, '.tmp', 'bench', 'bench', 'main.js')).href);
process.exitCode = await main(args);
