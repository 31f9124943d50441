// `npm run simulate`: whole fleets in one thread, by seeds (docs/simulation.md). `-- --seed N --trace` repeats one.
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { root } from './processes.mjs';
import { ensureReady, RUN_PACKAGES } from './setup.mjs';
import { bundleSimulator } from './simulator/bundle.mjs';

if (!(await ensureReady(RUN_PACKAGES))) process.exit(1);
const file = await bundleSimulator(join(root, '.tmp/simulation/simulate.mjs'));
const { main } = await import(pathToFileURL(file).href);
process.exitCode = await main(process.argv.slice(2));
