import { appendFileSync } from 'node:fs';
import { basename } from 'node:path';
import { expect, it } from 'vitest';
import { randomOf } from '../support/random.ts';

/** What one scenario reports, a line of JSON: `npm run soak` makes its table of them. */
export interface ScenarioReport {
  readonly scenario: string;
  readonly seed: number;
  readonly rounds: number;
  readonly failed: boolean;
  readonly seconds: number;
  readonly figures: Readonly<Record<string, string | number>>;
}

/** One run of a scenario. */
export interface Run {
  readonly seed: number;
  /** From 0 to below 1. */
  readonly random: () => number;
  /** What the table shows of it; the last value of a name counts. */
  readonly figure: (name: string, value: string | number) => void;
  /** One more kill, state, fault ... that was survived. */
  readonly round: (count?: number) => void;
}

const { LMDBSTREAM_SOAK: soak, LMDBSTREAM_SOAK_REPORT: report, CRASHES_SEED: seedGiven } = process.env;

/** `npm run soak`: no test run, but as thorough as asked. */
export const isSoak = soak !== undefined;

/** How much of it: in `npm test`, and in a round of `npm run soak`. */
export const sized = (test: number, inSoak: number): number => (isSoak ? inSoak : test);

/** Seconds that a scenario without an end of its own may take: in `npm test`, and in a round of `npm run soak`. */
export const secondsOf = (test: number): number => (isSoak ? Math.max(test, Number(soak)) : test);

/** A random test: prints the command that runs it again with the same choices, and reports to the soak what it did. */
export function scenario(name: string, body: (run: Run) => Promise<void>, timeoutMs: number): void {
  it(name, { timeout: isSoak ? timeoutMs * 20 + secondsOf(0) * 1000 : timeoutMs }, async () => {
    const seed = Number(seedGiven ?? Date.now() % 2 ** 31);
    const figures: Record<string, string | number> = {};
    let rounds = 0;
    let failed = true;
    const startedMs = performance.now();
    try {
      const run: Run = {
        seed,
        random: randomOf(seed),
        figure: (figure, value) => {
          figures[figure] = value;
        },
        round: (count = 1) => {
          rounds += count;
        },
      };
      await body(run);
      failed = false;
    } finally {
      const file = basename(expect.getState().testPath ?? '');
      if (failed)
        process.stderr.write(`again: CRASHES_SEED=${seed} npx vitest run test/crashes/${file} -t '${name}'\n`);
      const seconds = Math.round((performance.now() - startedMs) / 100) / 10;
      const line: ScenarioReport = { scenario: name, seed, rounds, failed, seconds, figures };
      if (report) appendFileSync(report, `${JSON.stringify(line)}\n`);
      else if (!failed) process.stdout.write(`${name}: ${JSON.stringify({ rounds, seconds, ...figures })}\n`);
    }
  });
}
