import { expect, it } from 'vitest';
import { decideReplaced, type ReplacedSince } from '../../../src/sync/chain/index.ts';
import { delta, listed, modern } from './support.ts';

const decide = (nowMs: number, names: readonly string[], since: ReplacedSince = new Map()) =>
  decideReplaced(
    names.map((name) => listed(name)),
    since,
    nowMs,
  );

it('what a listed compacted delta includes goes after the keep time, and no sooner', () => {
  const bucket = [modern('me', 1), delta('me', 1, 2), delta('me', 2, 3), delta('me', 1, 3, 1), delta('me', 3, 4)];
  const first = decide(0, bucket);
  expect(first.deletions).toEqual([]);
  expect(decide(19_999, bucket, first.since).deletions).toEqual([]);
  expect(decide(20_000, bucket, first.since).deletions.toSorted()).toEqual([delta('me', 1, 2), delta('me', 2, 3)]);
});

it('a break in being replaced begins the keep time anew', () => {
  const bucket = [delta('me', 1, 2), delta('me', 1, 3, 1)];
  const { since } = decide(0, bucket);
  const without = decide(10_000, [delta('me', 1, 2)], since);
  expect(without.since.size).toBe(0);
  expect(decide(21_000, bucket, without.since).deletions).toEqual([]);
});

it('I10: of two deltas of one stretch neither goes', () => {
  const bucket = [delta('me', 1, 3), delta('me', 1, 3, 1)];
  expect(decide(1e6, bucket, decide(0, bucket).since).deletions).toEqual([]);
});

it('I10: what no other object includes stays, at either end', () => {
  const bucket = [delta('me', 1, 3, 1), delta('me', 2, 4), delta('me', 5, 6)];
  expect(decide(1e6, bucket, decide(0, bucket).since).deletions).toEqual([]);
});

it('before a full snapshot the newest deltas wait for the cleaner, those before them go', () => {
  const names = Array.from({ length: 30 }, (_, index) => delta('me', index, index + 1));
  const bucket = [...names, modern('me', 40), delta('me', 40, 41)];
  const { deletions } = decide(20_000, bucket, decide(0, bucket).since);
  expect(deletions.toSorted()).toEqual(names.slice(0, 6).sort());
});
