import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Application } from '../support/application/application.ts';
import { History } from '../support/histories/btree-history.ts';
import { type RunOptions, TrackedDatabase } from '../support/histories/btree-tracked.ts';

/**
 * I6, incremental equals full: whatever an application does between two readers, the diff of their pages is the difference
 * of their full scans. The application is a second process with another binding of liblmdb.
 *
 * LMDBSTREAM_RUNS=<databases> makes it longer or shorter; a failure prints the command that repeats it.
 */
const HISTORIES_PER_DATABASE = 26;
const DATABASES = 80;

let application: Application;

beforeAll(async () => {
  application = await Application.start();
});

afterAll(async () => {
  await application.stop();
});

const options = fc.record<RunOptions>({
  writeMap: fc.boolean(),
  sync: fc.constantFrom(false, false, false, true),
  windowBytes: fc.constantFrom(2 ** 16, 2 ** 18, 2 ** 30),
});

it('the diff of two views is the difference of two scans, and a walk is a scan (I6)', async () => {
  let histories = 0;
  const seen = {
    candidates: 0,
    pairs: 0,
    removed: 0,
    flagChanges: 0,
    reverseDup: 0,
    deepest: 0,
    overflow: 0,
    subTrees: 0,
  };
  const property = fc.asyncProperty(
    options,
    fc.array(History, { minLength: HISTORIES_PER_DATABASE, maxLength: HISTORIES_PER_DATABASE, size: 'max' }),
    async (run, steps) => {
      const database = await TrackedDatabase.open(application, run, seen);
      try {
        for (const step of steps) {
          await database.apply(step);
          database.check(step.keepBase);
          histories++;
        }
      } finally {
        await database.close();
      }
    },
  );
  const { LMDBSTREAM_SEED: seed, LMDBSTREAM_PATH: path, LMDBSTREAM_RUNS: runs } = process.env;
  const result = await fc.check(property, {
    numRuns: runs === undefined ? DATABASES : Number(runs),
    ...(seed === undefined ? {} : { seed: Number(seed) }),
    ...(path === undefined ? {} : { path }),
  });
  if (result.failed) {
    const again = `LMDBSTREAM_SEED=${result.seed} LMDBSTREAM_PATH=${result.counterexamplePath}`;
    const message = `${fc.defaultReportMessage(result)}\n\nAgain: ${again} npx vitest run test/property/btree-diff.test.ts`;
    throw new Error(message, { cause: result.errorInstance });
  }
  if (runs !== undefined || path !== undefined) return;
  expect(histories).toBeGreaterThanOrEqual(2000);
  // The histories reached what they are meant to reach.
  expect(seen.candidates).toBeGreaterThan(10_000);
  expect(seen.pairs).toBeGreaterThan(10_000);
  expect(seen.removed).toBeGreaterThan(5_000);
  expect(seen.flagChanges).toBeGreaterThan(10);
  expect(seen.reverseDup).toBeGreaterThan(500);
  expect(seen.deepest).toBeGreaterThanOrEqual(3);
  expect(seen.overflow).toBeGreaterThan(1_000);
  expect(seen.subTrees).toBeGreaterThan(200);
}, 600_000);
