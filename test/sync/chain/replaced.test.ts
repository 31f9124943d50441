import { describe, expect, it } from 'vitest';
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

describe('a compacted delta that nobody has read (I10)', () => {
  const wide = delta('me', 1, 3, 1);
  const bucket = [modern('me', 1), delta('me', 1, 2), delta('me', 2, 3), wide, delta('me', 3, 4)];
  const decideWith = (
    nowMs: number,
    names: readonly string[],
    read: readonly string[],
    since: ReplacedSince = new Map(),
  ) =>
    decideReplaced(
      names.map((name) => listed(name)),
      since,
      nowMs,
      { isRead: (full) => !full.includes('__L') || read.includes(full) },
    );
  const toRead = ({ toRead: objects }: ReturnType<typeof decideWith>): string[] => objects.map(({ name }) => name.full);

  it('is to be read when something would go because of it, once, and nothing goes before', () => {
    const first = decideWith(0, bucket, []);
    expect(toRead(first)).toEqual([]);
    const due = decideWith(20_000, bucket, [], first.since);
    expect(due.deletions).toEqual([]);
    expect(toRead(due)).toEqual([wide]);
    const after = decideWith(21_000, bucket, [wide], due.since);
    expect(after.deletions.toSorted()).toEqual([delta('me', 1, 2), delta('me', 2, 3)]);
    expect(toRead(after)).toEqual([]);
  });

  it('need not be read while a wider one that was read includes it, and goes itself', () => {
    const wider = delta('me', 1, 4, 2);
    const { since } = decideWith(0, [...bucket, wider], [wider]);
    const decision = decideWith(20_000, [...bucket, wider], [wider], since);
    expect(toRead(decision)).toEqual([]);
    expect(decision.deletions).toContain(wide);
    expect(decision.deletions).toHaveLength(4);
  });

  it('is not read for what a full snapshot holds as well', () => {
    const withFull = [...bucket, modern('me', 5)];
    const { since } = decideWith(0, withFull, []);
    expect(decideWith(20_000, withFull, [], since)).toMatchObject({ deletions: [], toRead: [] });
  });

  it('does not take the place of a narrower one that was read', () => {
    const wider = delta('me', 1, 4, 2);
    const { since } = decideWith(0, [...bucket, wider], [wide]);
    const decision = decideWith(20_000, [...bucket, wider], [wide], since);
    expect(decision.deletions.toSorted()).toEqual([delta('me', 1, 2), delta('me', 2, 3)]);
    expect(toRead(decision)).toEqual([wider]);
  });
});

it('before a full snapshot the newest deltas wait for the cleaner, those before them go', () => {
  const names = Array.from({ length: 30 }, (_, index) => delta('me', index, index + 1));
  const bucket = [...names, modern('me', 40), delta('me', 40, 41)];
  const { deletions } = decide(20_000, bucket, decide(0, bucket).since);
  expect(deletions.toSorted()).toEqual(names.slice(0, 6).sort());
});

describe('what lies before a full snapshot', () => {
  const chainTo = (end: number): string[] => Array.from({ length: end }, (_, index) => delta('me', index, index + 1));
  const goes = (bucket: readonly string[]): string[] =>
    decide(20_000, bucket, decide(0, bucket).since).deletions.toSorted();

  it('is judged by the newest one, in whatever order they are listed', () => {
    const names = chainTo(30);
    const fulls = [modern('me', 5), modern('me', 40), modern('me', 10)];
    for (const order of [fulls, fulls.toReversed(), fulls.toSorted()]) {
      expect(goes([...order, ...names])).toEqual(names.slice(0, 6).sort());
      expect(goes([...names.toReversed(), ...order])).toEqual(names.slice(0, 6).sort());
    }
  });

  it('does not go while there is none', () => {
    expect(goes(chainTo(40))).toEqual([]);
  });

  it('includes a delta that ends with it, and none that ends later', () => {
    const names = chainTo(25);
    expect(goes([...names, modern('me', 25)])).toEqual([names[0]]);
    expect(goes([...names, modern('me', 24)])).toEqual([]);
  });

  it('of one stretch the same goes first, in whatever order they are listed', () => {
    const [first, second] = [delta('me', 0, 1), delta('me', 0, 1, 1)].sort() as [string, string];
    const others = chainTo(24).slice(1);
    expect(goes([first, second, ...others, modern('me', 40)])).toEqual([first]);
    expect(goes([modern('me', 40), ...others.toReversed(), second, first])).toEqual([first]);
  });
});

it('each delta is judged by the one that includes it, in whatever order they are listed', () => {
  const kept = [delta('me', 1, 4, 1), delta('me', 5, 8, 1)];
  const replaced = [delta('me', 1, 2), delta('me', 1, 3), delta('me', 5, 6), delta('me', 5, 7), delta('me', 7, 8)];
  const names = [...kept, ...replaced];
  for (const bucket of [names, names.toReversed(), names.toSorted(), [...replaced.toSorted(), ...kept]]) {
    expect(decide(20_000, bucket, decide(0, bucket).since).deletions.toSorted()).toEqual(replaced.toSorted());
  }
});
