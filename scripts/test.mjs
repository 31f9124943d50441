// `npm test`: sets up a bare Debian 12 machine with Node 20, checks, builds, tests. Arguments go to vitest: `npm test -- test/lmdb`.
// The last line is `N passed, N failed[, N skipped]`; a check that fails counts as one failed test.
import { chmodSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from './processes.mjs';
import { ensureReady } from './setup.mjs';
import { runVitest, summaryOf } from './vitest.mjs';

/** @param {string} name */
const bin = (name) => join('node_modules', '.bin', name);

/** @type {[name: string, command: string, args: string[]][]} */
const CHECKS = [
  ['lint and format', bin('biome'), ['check', '--error-on-warnings']],
  ['types', bin('tsc'), ['-p', 'tsconfig.json']],
  ['types of the status page', bin('tsc'), ['-p', 'src/server/browser']],
  ['build', bin('tsc'), ['-p', 'tsconfig.build.json']],
  ['build of the status page', process.execPath, ['scripts/build-page.mjs']],
  // After the build: the demo's application is made of it.
  ['types of the scripts', bin('tsc'), ['-p', 'tsconfig.scripts.json']],
];

async function main() {
  const counts = { passed: 0, failed: 0, skipped: 0 };
  if (!(await ensureReady())) return { ...counts, failed: 1 };
  const failedChecks = [];
  for (const [name, command, args] of CHECKS) if ((await run(command, args)) !== 0) failedChecks.push(name);
  const tests = await inOwnTemporaryFolder(
    (env) => runVitest(process.argv.slice(2), process.execPath, env),
    failedChecks,
  );
  if (failedChecks.length > 0) console.error(`\nFailed besides the tests: ${failedChecks.join(', ')}`);
  return { ...tests, failed: tests.failed + failedChecks.length };
}

/**
 * The tests get an empty folder for temporary files; what is left in it afterwards fails the run, for on a machine of somebody
 * it would be left for good.
 * @template T
 * @param {(env: NodeJS.ProcessEnv) => Promise<T>} body
 * @param {string[]} failedChecks
 * @returns {Promise<T>}
 */
async function inOwnTemporaryFolder(body, failedChecks) {
  const folder = mkdtempSync(join(tmpdir(), 'lmdbstream-run-'));
  // As /tmp: some tests go on as another user.
  chmodSync(folder, 0o1777);
  try {
    const result = await body({ ...process.env, TMPDIR: folder });
    const left = readdirSync(folder).filter((name) => name.startsWith('lmdbstream-'));
    if (left.length > 0) {
      console.error(`\nThe tests left ${left.length} files in the temporary folder: ${left.slice(0, 10).join(', ')}`);
      failedChecks.push('temporary files');
    }
    return result;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const counts = await main();
process.exitCode = counts.failed === 0 && counts.passed > 0 ? 0 : 1;
console.log(`\n${summaryOf(counts)}`);
