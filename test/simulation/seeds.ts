import { expect, it } from 'vitest';
import type { Limits } from './scenario.ts';
import { commandOf, shrink } from './shrink.ts';
import { simulate } from './simulate.ts';

/** Seeds of one run of all shards; a release tries more of them. */
const SEEDS = Number(process.env.LMDBSTREAM_SIMULATIONS ?? 1000);
const FIRST = Number(process.env.LMDBSTREAM_SIMULATION_SEED ?? 1);
/** Files, so that both cores of a small machine are at work. */
const SHARDS = 4;
const PER_TEST = 10;

/** One in so many is lived once more, beside a sidecar. */
const ONE_BESIDE_IN = 5;
const BESIDE: Limits = { store: 'sidecar' };

/** The seeds of one shard, some in each test. */
export function simulateShard(shard: number): void {
  simulateSeeds('seeds %s', shard, SEEDS, {});
  simulateSeeds('seeds %s beside a sidecar', shard, Math.ceil(SEEDS / ONE_BESIDE_IN), BESIDE);
}

function simulateSeeds(name: string, shard: number, count: number, limits: Limits): void {
  const seeds = Array.from({ length: count }, (_, index) => FIRST + index).filter((seed) => seed % SHARDS === shard);
  const groups = Array.from({ length: Math.ceil(seeds.length / PER_TEST) }, (_, index) =>
    seeds.slice(index * PER_TEST, (index + 1) * PER_TEST),
  );
  it.each(groups.map((group) => [group.join(' '), group] as const))(
    name,
    async (_, group) => {
      for (const seed of group) await expectToHold(seed, limits);
    },
    1_800_000,
  );
}

async function expectToHold(seed: number, limits: Limits): Promise<void> {
  const outcome = await simulate(seed, limits);
  if (!outcome.violation) return;
  const smaller = await shrink(outcome, limits);
  const { violation, trace, scenario } = await simulate(seed, smaller.limits, true);
  const lines = [
    `seed ${seed}: ${outcome.violation.message}`,
    `  ${commandOf(seed, limits)}`,
    `smaller: ${violation?.message}`,
    `  ${commandOf(seed, smaller.limits)}`,
    JSON.stringify(scenario),
    ...trace.lines.slice(-30),
  ];
  expect.fail(lines.join('\n'));
}
