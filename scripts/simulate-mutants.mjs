// `npm run simulate:mutants`: puts each defect of test/simulation/mutants.json into a copy of the sources, and looks for the
// first seed that finds it. `-- --only ID` for one, `-- --count N` for the most seeds (default 1000). Prints the table of
// docs/simulation.md; the exit code says whether all were found.
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { root } from './processes.mjs';
import { ensureReady, RUN_PACKAGES } from './setup.mjs';
import { bundleSimulator } from './simulator/bundle.mjs';

const { values } = parseArgs({
  options: { only: { type: 'string' }, count: { type: 'string', default: '1000' } },
});
/** @type {(import('./simulator/bundle.mjs').Mutant & { what: string })[]} */
const all = JSON.parse(readFileSync(join(root, 'test/simulation/mutants.json'), 'utf8'));
const mutants = all.filter(({ id }) => values.only === undefined || id === values.only);
const runner = join(root, 'scripts/simulator/first-failure.mjs');
const run = promisify(execFile);
let missed = 0;

if (!(await ensureReady(RUN_PACKAGES))) process.exit(1);

/** @param {(typeof mutants)[number]} mutant */
async function find(mutant) {
  const file = await bundleSimulator(join(root, '.tmp/simulation', `${mutant.id}.mjs`), mutant);
  const { stdout } = await run(process.execPath, ['--no-warnings', runner, file, '1', values.count]);
  const found = JSON.parse(stdout);
  if (!found) missed++;
  const by = found ? `${found.text.split(':')[0]} | ${found.seed}` : `not found | ${values.count}`;
  console.log(`| \`${mutant.id}\` | \`${mutant.file}\` | ${mutant.what} | ${by} |`);
}

console.log('| mutant | in | what it does | found by | seeds |\n|---|---|---|---|---|');
const left = [...mutants];
const worker = async () => {
  for (let next = left.shift(); next; next = left.shift()) await find(next);
};
await Promise.all(Array.from({ length: availableParallelism() }, worker));
process.exitCode = missed > 0 ? 1 : 0;
