import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from './processes.mjs';
import { SecretWatch } from './secrets.mjs';

/**
 * Runs vitest under the Node of `node` and counts from its JSON report. Whatever makes vitest fail without a failed test
 * (a file that does not load, an unhandled error, no test at all) counts as a failed one, so that the count tells the truth.
 * @typedef {{ passed: number, failed: number, skipped: number }} Counts
 * @param {readonly string[]} args
 * @param {string} node
 * @param {NodeJS.ProcessEnv} env
 * @returns {Promise<Counts>}
 */
export async function runVitest(args, node = process.execPath, env = process.env) {
  const folder = mkdtempSync(join(tmpdir(), 'lmdbstream-report-'));
  const report = join(folder, 'report.json');
  try {
    const vitest = ['node_modules/vitest/vitest.mjs', 'run', '--reporter=default', '--reporter=json'];
    const secrets = new SecretWatch();
    const look = (/** @type {string} */ stream, /** @type {string} */ piece) => secrets.look(stream, piece);
    const code = await run(node, [...vitest, `--outputFile.json=${report}`, ...args], env, look);
    const counts = countsOf(report);
    secrets.end();
    for (const line of secrets.found) console.error(`A secret of the fixtures was printed: ${line}`);
    if (secrets.found.length > 0) counts.failed++;
    if (counts.failed === 0 && (code !== 0 || counts.passed === 0)) counts.failed = 1;
    return counts;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** @param {string} file @returns {Counts} */
function countsOf(file) {
  let report;
  try {
    report = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    console.error(`vitest left no report: ${error.message}`);
    return { passed: 0, failed: 1, skipped: 0 };
  }
  const unloaded = report.testResults.filter(
    ({ status, assertionResults }) => status === 'failed' && !assertionResults.some((test) => test.status === 'failed'),
  );
  return {
    passed: report.numPassedTests,
    failed: report.numFailedTests + unloaded.length,
    skipped: report.numPendingTests + report.numTodoTests,
  };
}

/**
 * The line CI counts: `N passed, N failed`, and `, N skipped` when there are any.
 * @param {Counts} counts
 */
export function summaryOf({ passed, failed, skipped }) {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
}
