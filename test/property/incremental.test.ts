import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { LockstepApplication } from '../support/application/lockstep-application.ts';
import { History, type HistoryOptions, type Reached } from '../support/histories/history.ts';
import { Step } from '../support/histories/shared-history.ts';

/**
 * I2, I3, I4, I6: two databases whose applications (processes of their own) do what they please, also between our read view
 * and our write lock, and whose objects reach the other side in any order, late, and again.
 *
 * LMDBSTREAM_RUNS=<histories> makes it longer or shorter; a failure prints the command that repeats it.
 */
const HISTORIES = { shadow: 40, dupsort: 60, native: 40, cursors: 25, sidecar: 20, beside: 20 };
const STEPS = 40;
/** Bounds the looking for a smaller counterexample, too. */
const MOST_MS = 120_000;

let applications: [LockstepApplication, LockstepApplication];

beforeAll(() => {
  applications = [LockstepApplication.start(), LockstepApplication.start()];
});

afterAll(async () => {
  for (const application of applications) await application.stop();
});

async function check(
  name: keyof typeof HISTORIES,
  modes: Pick<HistoryOptions, 'mode' | 'pages' | 'sidecars'>,
): Promise<void> {
  const reached: Reached = { rounds: 0, merges: 0, written: 0, commitsUnderOurNose: 0, slices: 0, restarts: 0 };
  const property = fc.asyncProperty(
    fc.record({
      lockMaxMs: fc.constantFrom(0, 1),
      skewSeconds: fc.constantFrom(0, 0, -500, 3600),
      writeMap: fc.constantFrom(false, false, false, true),
    }),
    fc.array(Step, { minLength: 5, maxLength: STEPS, size: 'max' }),
    async (settings, steps) => {
      const history = new History(applications, { ...modes, ...settings }, reached);
      try {
        for (const step of steps) await history.take(step);
        await history.settle();
      } finally {
        history.dispose();
      }
    },
  );
  const { LMDBSTREAM_SEED: seed, LMDBSTREAM_PATH: path, LMDBSTREAM_RUNS: runs } = process.env;
  const result = await fc.check(property, {
    numRuns: runs === undefined ? HISTORIES[name] : Number(runs),
    ...(runs === undefined ? { interruptAfterTimeLimit: MOST_MS, markInterruptAsFailure: false } : {}),
    ...(process.env.LMDBSTREAM_SHRINK === '0' ? { endOnFailure: true } : {}),
    ...(seed === undefined ? {} : { seed: Number(seed) }),
    ...(path === undefined ? {} : { path }),
  });
  if (result.failed) {
    const again = `LMDBSTREAM_SEED=${result.seed} LMDBSTREAM_PATH=${result.counterexamplePath}`;
    const command = `npx vitest run test/property/incremental.test.ts -t '${expect.getState().currentTestName}'`;
    throw new Error(`${fc.defaultReportMessage(result)}\n\nAgain: ${again} ${command}`, {
      cause: result.errorInstance,
    });
  }
  if (runs !== undefined || path !== undefined) return;
  // The histories reached what they are meant to reach.
  const histories = result.numRuns;
  expect(reached.rounds).toBeGreaterThan(histories);
  expect(reached.merges).toBeGreaterThan(histories);
  expect(reached.written).toBeGreaterThan(histories * 10);
  // With few histories (cursors) their number varies: about one each.
  expect(reached.commitsUnderOurNose).toBeGreaterThan(histories / 2);
  expect(reached.restarts).toBeGreaterThan(histories / 4);
  if (modes.pages) expect(reached.slices).toBeGreaterThan(histories / 20);
}

it('shadow mode: plain DBIs', () => check('shadow', { mode: 'shadow', pages: true }), 600_000);
it(
  'shadow mode: DBIs of every kind with dupsort_hack',
  () => check('dupsort', { mode: 'dupsort', pages: true }),
  600_000,
);
it(
  'sidecars: DBIs of every kind with dupsort_hack',
  () => check('sidecar', { mode: 'dupsort', pages: true, sidecars: [true, true] }),
  600_000,
);
it(
  'a sidecar here, a shadow inside there',
  () => check('beside', { mode: 'dupsort', pages: true, sidecars: [true, false] }),
  600_000,
);
it('native mode', () => check('native', { mode: 'native', pages: true }), 600_000);
it('only cursors, where the pages cannot be read', () => check('cursors', { mode: 'dupsort', pages: false }), 600_000);
