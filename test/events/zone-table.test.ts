import { describe, expect, it } from 'vitest';
import { ZoneTable } from '../../src/events/index.ts';

/** A generator that gives the same numbers at every run. */
function* numbers(seed: number): Generator<number> {
  for (let state = seed; ; ) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    yield state;
  }
}

describe('names of zones by id', () => {
  it.each([
    ['counted', (at: number) => at],
    ['random', undefined],
    ['the largest', (at: number) => 0xffff_ffff - at],
  ])('%s ids: what was set is found, renamed zones too, and nothing else', (_, idOf) => {
    const random = numbers(7);
    const table = new ZoneTable();
    const model = new Map<number, string>();
    for (let at = 0; at < 20_000; at++) {
      const id = idOf ? idOf(at) : random.next().value!;
      for (const name of at % 50 === 0 ? ['before.example', `zone${at}.example`] : [`zone${at}.example`]) {
        table.set(id, name);
        model.set(id, name);
      }
    }
    expect(table.size).toBe(model.size);
    for (const [id, name] of model) if (table.get(id) !== name) expect(table.get(id)).toBe(name);
    for (let at = 0; at < 1000; at++) {
      const id = random.next().value!;
      if (!model.has(id)) expect(table.get(id)).toBeUndefined();
    }
  });

  it('the root is a name, and a long name is kept whole', () => {
    const table = new ZoneTable();
    const long = Array.from({ length: 60 }, () => '\\000').join('.');
    table.set(0, '');
    table.set(1, long);
    expect([table.get(0), table.get(1), table.get(2)]).toEqual(['', long, undefined]);
  });

  it('a million zones take less than 64 MB', () => {
    const table = new ZoneTable();
    for (let at = 0; at < 1_000_000; at++) table.set(at * 2147 + 1, `zone-${at}.example.org`);
    expect(table.sizeBytes).toBeLessThan(64 * 2 ** 20);
  });
});
