// Keeps the databases of a configuration in step for as long as this program runs, and tells what happens.
//
//   node examples/library.mjs lmdbstream.yaml

import { loadConfig, startSync } from 'lmdbstream';

const config = loadConfig(process.argv[2] ?? 'lmdbstream.yaml');
const running = startSync({ config });

running.events.subscribe((event) => {
  if (event.type === 'stored') console.log(`${event.db}: stored ${event.object.name}`);
  if (event.type === 'loaded') console.log(`${event.db}: merged ${event.object.name}, ${event.written} entries won`);
});
for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, () => void running.stop());

console.log(await running.ended);
for (const [name, { phase, publishedObjects, mergedObjects }] of running.status()) {
  console.log(`${name}: ${phase}, ${publishedObjects} stored, ${mergedObjects} merged`);
}
