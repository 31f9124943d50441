import { join, resolve } from 'node:path';
import { expect, it } from 'vitest';

type Entries = Record<string, { flags: number; pairs: string[] }>;
type Compare = (a: Entries, b: Entries) => { differences: string[]; entries: number };

const script = join(resolve(import.meta.dirname, '..', '..'), 'scripts', 'demo', 'compare.mjs');
const { compare } = (await import(script)) as { compare: Compare };

const plain = (...pairs: string[]): Entries => ({ data: { flags: 0, pairs } });

it('equal is equal, and counted', () => {
  expect(compare(plain('61 31', '62 32'), plain('61 31', '62 32'))).toEqual({ differences: [], entries: 2 });
  expect(compare({}, {})).toEqual({ differences: [], entries: 0 });
});

it.each<[string, Entries, Entries, number]>([
  ['a value', plain('61 31'), plain('61 32'), 2],
  ['an entry that only A has', plain('61 31', '62 32'), plain('61 31'), 1],
  ['an entry that only B has', plain('61 31'), plain('61 31', '62 32'), 1],
  ['a DBI', plain('61 31'), {}, 1],
  ['an empty DBI', {}, plain(), 1],
  ['the kind of a DBI', plain('61 31'), { data: { flags: 4, pairs: ['61 31'] } }, 1],
])('the demo would not say equal: %s', (_, a, b, count) => {
  expect(compare(a, b).differences).toHaveLength(count);
});
