// `npm run soak [-- --minutes N] [words of vitest]`: the tests of `test/crashes/` in full size, again and again, each round with new seeds, for as
// long as asked (default: one round). Prints a table of the scenarios; exits 0 when nothing failed, else 1.
import { appendFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from './processes.mjs';
import { ensureReady } from './setup.mjs';
import { runVitest } from './vitest.mjs';

/** A round is at least this long where the scenario has no end of its own, as the fleet. */
const SHORTEST_SECONDS = 60;
/** Of the time that was asked for, the fleet's. */
const SHARE_OF_FLEET = 0.5;
const SIMULATOR = 'simulator: whole fleets in one thread, seeds that nobody has tried';
/** A round of the simulator; `npm test` tries those from 1 on. */
const SEEDS = 1000;
const FIRST_UNTRIED_SEED = 1_000_000;

/** @typedef {{ scenario: string, seed: number, rounds: number, failed: boolean, seconds: number, figures: Record<string, string | number> }} Report */

/** @returns {{ minutes: number, rest: string[] }} */
function parse() {
  const args = process.argv.slice(2);
  const at = args.indexOf('--minutes');
  if (at < 0) return { minutes: 0, rest: args };
  const minutes = Number(args[at + 1]);
  if (!(minutes > 0)) {
    console.error('--minutes wants a number above 0: npm run soak -- --minutes 60');
    process.exit(2);
  }
  args.splice(at, 2);
  return { minutes, rest: args };
}

/** @param {string} file @returns {Report[]} */
function reportsIn(file) {
  try {
    const lines = readFileSync(file, 'utf8').split('\n');
    return lines.filter((line) => line !== '').map((line) => JSON.parse(line));
  } catch {
    return [];
  }
}

/** @param {readonly Report[]} reports */
function printTable(reports) {
  const names = [...new Set(reports.map(({ scenario }) => scenario))];
  console.log('\n| scenario | runs | rounds | failed | seconds | figures of the last run |\n|---|---|---|---|---|---|');
  for (const name of names) {
    const runs = reports.filter(({ scenario }) => scenario === name);
    const rounds = runs.reduce((sum, one) => sum + one.rounds, 0);
    const seconds = Math.round(runs.reduce((sum, one) => sum + one.seconds, 0));
    const failed = runs.filter((one) => one.failed).length;
    const figures = Object.entries(runs.at(-1)?.figures ?? {}).map(([figure, value]) => `${figure} ${value}`);
    console.log(`| ${name} | ${runs.length} | ${rounds} | ${failed} | ${seconds} | ${figures.join(', ')} |`);
  }
  for (const { scenario, seed, failed } of reports) {
    if (failed && scenario === SIMULATOR)
      console.log(`failed: npm run simulate -- --from ${seed} --count ${SEEDS} --keep-going --shrink`);
    else if (failed)
      console.log(`failed: CRASHES_SEED=${seed} LMDBSTREAM_SOAK=60 npx vitest run test/crashes -t '${scenario}'`);
  }
}

/**
 * Seeds that nobody has tried yet.
 * @param {string} file of reports
 * @returns {Promise<boolean>} whether all of them hold
 */
async function simulate(file) {
  const seed = FIRST_UNTRIED_SEED + (Math.floor(Date.now() / 1000) % 100_000_000);
  const startedMs = performance.now();
  const args = ['--no-warnings', 'scripts/simulate.mjs', '--from', `${seed}`, '--count', `${SEEDS}`, '--keep-going'];
  const failed = (await run(process.execPath, args)) !== 0;
  const seconds = (performance.now() - startedMs) / 1000;
  /** @type {Report} */
  const line = { scenario: SIMULATOR, seed, rounds: SEEDS, failed, seconds, figures: { 'first seed': seed } };
  appendFileSync(file, `${JSON.stringify(line)}\n`);
  return !failed;
}

const { minutes, rest } = parse();
if (!(await ensureReady())) process.exit(1);
const folder = mkdtempSync(join(tmpdir(), 'lmdbstream-soak-'));
const report = join(folder, 'report');
const seconds = Math.max(SHORTEST_SECONDS, Math.round(minutes * 60 * SHARE_OF_FLEET));
const totals = { passed: 0, failed: 0 };
try {
  if ((await run('npm', ['run', 'build'])) !== 0) process.exit(1);
  const endMs = Date.now() + minutes * 60_000;
  do {
    const left = Math.max(SHORTEST_SECONDS, Math.min(seconds, Math.round((endMs - Date.now()) / 1000)));
    const env = { ...process.env, LMDBSTREAM_SOAK: String(left), LMDBSTREAM_SOAK_REPORT: report };
    const counts = await runVitest(['test/crashes', ...rest], process.execPath, env);
    totals.passed += counts.passed;
    totals.failed += counts.failed;
    if (rest.length > 0) continue;
    const simulated = await simulate(report);
    totals[simulated ? 'passed' : 'failed']++;
  } while (Date.now() < endMs);
  printTable(reportsIn(report));
} finally {
  rmSync(folder, { recursive: true, force: true });
}
console.log(`\n${totals.passed} passed, ${totals.failed} failed`);
process.exitCode = totals.failed === 0 && totals.passed > 0 ? 0 : 1;
