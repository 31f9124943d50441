import { relative } from 'node:path';
import fc from 'fast-check';
import { expect } from 'vitest';

/**
 * How a random test runs: `runs` times, from a seed of its own. What fails is shrunk, and the message ends with the one command that
 * repeats it. LMDBSTREAM_TEST_RUNS multiplies the number of runs: 10 looks for longer, 0.02 is for the many runs of
 * `npm run mutation`.
 */
export function seeded<Ts>(runs: number): fc.Parameters<Ts> {
  const { LMDBSTREAM_SEED: seed, LMDBSTREAM_PATH: path } = process.env;
  return {
    numRuns: scaled(runs),
    ...(seed === undefined ? {} : { seed: Number(seed) }),
    ...(path === undefined ? {} : { path }),
    reporter: (details) => {
      if (!details.failed) return;
      const again = againWith(`LMDBSTREAM_SEED=${details.seed} LMDBSTREAM_PATH=${details.counterexamplePath}`);
      throw new Error(`${fc.defaultReportMessage(details)}\n\n${again}`, { cause: details.errorInstance });
    },
  };
}

/** So many runs, or as many as LMDBSTREAM_TEST_RUNS makes of them; at least one. */
export function scaled(runs: number): number {
  return Math.max(1, Math.round(runs * Number(process.env.LMDBSTREAM_TEST_RUNS ?? 1)));
}

/** The command that runs the present test alone, in that environment. */
export function againWith(environment: string): string {
  const { currentTestName, testPath } = expect.getState();
  return `Again: ${environment} npx vitest run ${relative(process.cwd(), testPath!)} -t '${currentTestName}'`;
}
