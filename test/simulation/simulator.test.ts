import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import mutants from './mutants.json' with { type: 'json' };
import { scenarioOf } from './scenario.ts';
import { commandOf } from './shrink.ts';
import { simulate } from './simulate.ts';

const root = resolve(import.meta.dirname, '../..');

describe('the simulator', () => {
  it.each([3, 11, 27])('tells the same story of seed %i twice, byte for byte', async (seed) => {
    const [first, second] = [await simulate(seed, {}, true), await simulate(seed, {}, true)];
    expect(first.trace.lines.length).toBeGreaterThan(100);
    expect(second.trace.lines.join('\n')).toBe(first.trace.lines.join('\n'));
  });

  it.each([3, 21, 60])('lives seed %i in the same way whether somebody looks or not', async (seed) => {
    const [seen, unseen] = [await simulate(seed, {}, true), await simulate(seed)];
    expect(seen.trace.lines.length).toBeGreaterThan(100);
    expect(unseen.trace.lines).toEqual([]);
    expect(unseen.end).toBe(seen.end);
  });

  it('gives seeds all kinds of fleets and faults', () => {
    const all = Array.from({ length: 200 }, (_, seed) => scenarioOf(seed));
    expect(new Set(all.map(({ kind }) => kind))).toEqual(new Set(['shadow', 'dupsort', 'native']));
    expect(new Set(all.map(({ members }) => members.length))).toEqual(new Set([2, 3, 4, 5, 7]));
    expect(new Set(all.flatMap(({ members }) => members.map(({ deltas }) => deltas)))).toEqual(
      new Set(['auto', 'off']),
    );
    for (const rate of ['crash', 'restart', 'clockStep', 'readerCleared', 'restore', 'garbage', 'race'] as const) {
      expect(all.filter((scenario) => scenario[rate] > 0).length, rate).toBeGreaterThan(20);
      expect(all.filter((scenario) => scenario[rate] === 0).length, rate).toBeGreaterThan(20);
    }
  });

  it('leaves out what a shrink wants left out, and names the command that repeats it', () => {
    const limits = { maxMembers: 2, maxSteps: 5, without: ['bucket', 'crash', 'clock'] } as const;
    for (let seed = 0; seed < 50; seed++) {
      const { members, steps, bucket, crash, restart, crashAtLook, clockStep } = scenarioOf(seed, limits);
      expect(members.every(({ skewMs }) => skewMs === 0)).toBe(true);
      expect([members.length, steps]).toEqual([2, 5]);
      expect([bucket.listError, bucket.storeLost, crash, restart, crashAtLook, clockStep]).toEqual([0, 0, 0, 0, 0, 0]);
    }
    expect(commandOf(7, limits)).toBe(
      'npm run simulate -- --seed 7 --members 2 --steps 5 --without bucket,crash,clock --trace',
    );
  });
});

describe('the mutants of docs/simulation.md', () => {
  it('are at least twelve, of sync, shadow, merge and clean', () => {
    expect(mutants.length).toBeGreaterThanOrEqual(12);
    const rooms = mutants.map(({ file }) => file.split('/').slice(0, -1).join('/'));
    expect(rooms).toEqual(expect.arrayContaining(['sync/local', 'shadow', 'merge', 'sync/clean']));
  });

  it.each(mutants)('$id can still be put into its file, and is in the table', ({ id, file, from, to }) => {
    const source = readFileSync(join(root, 'src', file), 'utf8');
    expect(source.split(from)).toHaveLength(2);
    expect(to).not.toBe(from);
    expect(readFileSync(join(root, 'docs/simulation.md'), 'utf8')).toContain(`\`${id}\``);
  });
});
