// `npm test`: sets up a bare Debian 12 machine with Node 20, checks, builds, tests. Arguments go to vitest: `npm test -- test/lmdb`.
// The last line is `N passed, N failed[, N skipped]`; a check that fails counts as one failed test.
import { join } from 'node:path';
import { run } from './processes.mjs';
import { ensureNodeModules, ensureSystemPackages } from './setup.mjs';
import { runVitest, summaryOf } from './vitest.mjs';

const bin = (name) => join('node_modules', '.bin', name);

const CHECKS = [
  ['lint and format', bin('biome'), ['check', '--error-on-warnings']],
  ['types', bin('tsc'), ['-p', 'tsconfig.json']],
  ['types of the status page', bin('tsc'), ['-p', 'src/server/browser']],
  ['build', bin('tsc'), ['-p', 'tsconfig.build.json']],
  ['build of the status page', process.execPath, ['scripts/build-page.mjs']],
];

async function main() {
  const counts = { passed: 0, failed: 0, skipped: 0 };
  if (!(await ensureSystemPackages()) || !(await ensureNodeModules())) {
    console.error('\nThe setup failed: nothing was tested.');
    return { ...counts, failed: 1 };
  }
  const failedChecks = [];
  for (const [name, command, args] of CHECKS) if ((await run(command, args)) !== 0) failedChecks.push(name);
  const tests = await runVitest(process.argv.slice(2));
  if (failedChecks.length > 0) console.error(`\nFailed before the tests: ${failedChecks.join(', ')}`);
  return { ...tests, failed: tests.failed + failedChecks.length };
}

const counts = await main();
process.exitCode = counts.failed === 0 && counts.passed > 0 ? 0 : 1;
console.log(`\n${summaryOf(counts)}`);
