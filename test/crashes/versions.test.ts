import { describe, expect, it } from 'vitest';
import type { WriterReport } from '../support/application/writer.ts';
import { digestOf, idOf, type Version } from './content.ts';
import { Versions } from './versions.ts';

const NOTHING: WriterReport = { commits: 0, reverted: [], acknowledged: {}, times: {}, puts: {}, deleted: {} };
const live = (value: string, nano: bigint): Version => ({ nano, digest: digestOf(Buffer.from(value)) });
const mark = (nano: bigint): Version => ({ nano, digest: undefined });

/** @param seen one entry, as one object after the other shows it */
function restamped(what: string, seen: readonly Version[], report: Partial<WriterReport> = {}): string[][] {
  const versions = new Versions();
  for (const [index, version] of seen.entries()) versions.add(`object ${index}`, [[idOf(what), version]]);
  return versions.restamped([NOTHING, { ...NOTHING, ...report }]);
}

describe('times of entries: a change of a peer that was stamped as ours (I12) is found', () => {
  it('a value that nobody wrote again has one time', () => {
    expect(restamped('data/a', [live('v', 1n), live('w', 2n), live('v', 1n)])).toEqual([]);
    const name = `data/a ${digestOf(Buffer.from('v'))}`;
    const wrong = [name, '1', '1 object 0', '3 object 2'];
    expect(restamped('data/a', [live('v', 1n), live('w', 2n), live('v', 3n)])).toEqual([wrong]);
  });

  it('a deletion mark has as many times as the applications have deleted', () => {
    const deleted = (times: number) => ({ deleted: { 'data/a': times } });
    expect(restamped('data/a', [mark(1n), mark(2n)], deleted(2))).toEqual([]);
    const wrong = ['data/a deleted', '1', '1 object 0', '2 object 1'];
    expect(restamped('data/a', [mark(1n), mark(2n)], deleted(1))).toEqual([wrong]);
    expect(restamped('data/a', [mark(1n)])).toEqual([['data/a deleted', '0', '1 object 0']]);
  });

  it.each([1, 511])('a pair has as many times as the applications have put it; a value of %i bytes', (bytes) => {
    const value = 'x'.repeat(bytes);
    const what = `pairs/k/${value}`;
    const seen = [live(value, 1n), live(value, 2n)];
    expect(restamped(what, seen, { puts: { [what]: 2 } })).toEqual([]);
    expect(restamped(what, seen, { puts: { [what]: 1 } })).toHaveLength(1);
  });
});
