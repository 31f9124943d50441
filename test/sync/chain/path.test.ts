import { describe, expect, it } from 'vitest';
import type { ListedObject } from '../../../src/sync/chain/index.ts';
import { cheapestPath } from '../../../src/sync/chain/path.ts';
import { delta, full, listed, modern, timeOf } from './support.ts';

/** A path from time 1 through objects given by name and size. */
const pathOf = (objects: readonly [name: string, sizeBytes: number][], isHere?: (object: ListedObject) => boolean) => {
  const sorted = objects
    .map(([name, sizeBytes]) => listed(name, sizeBytes))
    .sort((a, b) => (a.name.timestampNano < b.name.timestampNano ? -1 : 1));
  const { steps, endNano } = cheapestPath(timeOf(1), sorted, isHere);
  return { steps: steps.map(({ name }) => name.full), end: Number(endNano - timeOf(0)) };
};

describe('the cheapest path', () => {
  const small: [string, number][] = [
    [delta('me', 1, 2), 100],
    [delta('me', 2, 3), 100],
  ];

  it('leads as far as the objects do without a gap', () => {
    expect(pathOf([...small, [delta('me', 4, 5), 100]])).toEqual({
      steps: [delta('me', 1, 2), delta('me', 2, 3)],
      end: 3,
    });
    expect(pathOf([[delta('me', 2, 3), 100]])).toEqual({ steps: [], end: 1 });
    expect(pathOf([])).toEqual({ steps: [], end: 1 });
  });

  it('a request costs as much as 16 KiB: one object of 10 kB is cheaper than two small ones, one of 40 kB is not', () => {
    expect(pathOf([...small, [delta('me', 1, 3, 1), 10_000]]).steps).toEqual([delta('me', 1, 3, 1)]);
    expect(pathOf([...small, [delta('me', 1, 3, 1), 40_000]]).steps).toEqual(small.map(([name]) => name));
  });

  it('a full snapshot that promises that nothing changed costs nothing, whatever its size', () => {
    const promising = modern('me', 3, 1);
    expect(pathOf([...small, [promising, 10 ** 9]])).toEqual({ steps: [promising], end: 3 });
  });

  it('one that promises nothing, or whose writer cannot, is no step', () => {
    expect(pathOf([[modern('me', 3), 1]])).toEqual({ steps: [], end: 1 });
    expect(pathOf([[full('me', 3, { f: 1 }), 1]])).toEqual({ steps: [], end: 1 });
  });

  it('what is here costs nothing', () => {
    const large = delta('me', 1, 3, 1);
    expect(pathOf([...small, [large, 10 ** 9]], ({ name }) => name.full === large).steps).toEqual([large]);
  });

  it('a stop that is later and cheaper takes the place of an earlier one', () => {
    const objects: [string, number][] = [
      [delta('me', 1, 2), 100_000],
      [delta('me', 1, 3), 100],
      [delta('me', 2, 4), 100],
    ];
    expect(pathOf(objects)).toEqual({ steps: [delta('me', 1, 3), delta('me', 2, 4)], end: 4 });
  });

  it('of the same price the one that leads further', () => {
    const objects: [string, number][] = [
      [delta('me', 1, 2), 100],
      [delta('me', 1, 3), 100],
      [delta('me', 2, 4), 100],
    ];
    expect(pathOf(objects).steps).toEqual([delta('me', 1, 3), delta('me', 2, 4)]);
  });

  it('of two for the same stretch at the same price the first', () => {
    const objects: [string, number][] = [
      [delta('me', 1, 2), 100],
      [delta('me', 1, 2, 1), 100],
    ];
    expect(pathOf(objects).steps).toEqual([delta('me', 1, 2)]);
    expect(pathOf(objects.toReversed()).steps).toHaveLength(1);
  });

  it('what lies before its beginning is no step', () => {
    expect(pathOf([[delta('me', 0, 1), 1], ...small]).steps).toEqual(small.map(([name]) => name));
  });
});
