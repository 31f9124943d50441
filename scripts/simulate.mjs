// `npm run simulate`: whole fleets in one thread, by seeds (docs/simulation.md). `-- --seed N --trace` repeats one.
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { root } from './processes.mjs';
import { ensureReady } from './setup.mjs';

if (!(await ensureReady())) process.exit(1);
// Its packages may be there only now.
const { bundleSimulator } = await import('./simulator/bundle.mjs');
const file = await bundleSimulator(join(root, '.tmp/simulation/simulate.mjs'));
const { main } = await import(pathToFileURL(file).href);
process.exitCode = await main(process.argv.slice(2));
