import { describe, expect, it } from 'vitest';
import { buildSnapshotName, parseSnapshotName, toTimestampNano } from '../../../src/snapshot/index.ts';
import { RemoteIndex } from '../../../src/sync/index.ts';

function nameOf(instanceId: string, nano: number): string {
  const timestampNano = toTimestampNano(1_700_000_000_000_000_000n + BigInt(nano));
  return buildSnapshotName({ databaseName: 'main', instanceId, timestampNano, generationId: 'GX', kind: 'snapshot' });
}

const listing = (...names: string[]) => names.map((name) => ({ name, sizeBytes: 1, modifiedMs: undefined }));
const due = (index: RemoteIndex): string[] => index.due().map(({ full }) => full);

describe('RemoteIndex', () => {
  it('one newest snapshot of each instance is due, our own first (I5)', () => {
    const index = new RemoteIndex('main', 'me');
    index.update(listing(nameOf('a', 1), nameOf('a', 2), nameOf('me', 1), nameOf('z', 5)));
    expect(due(index)).toEqual([nameOf('me', 1), nameOf('a', 2), nameOf('z', 5)]);
    expect([...index.waitingFor()].sort()).toEqual(['a', 'me', 'z']);
    expect(index.instances()).toEqual(['a', 'me', 'z']);
    expect(index.newestOwn()?.full).toBe(nameOf('me', 1));
  });

  it('what is merged is not due again, nor is what was listed with it and is older', () => {
    const index = new RemoteIndex('main', 'me');
    const both = listing(nameOf('a', 1), nameOf('a', 2));
    index.update(both);
    index.markMerged(parseSnapshotName(nameOf('a', 2)));
    expect(due(index)).toEqual([]);
    index.update(both);
    expect(due(index)).toEqual([]);
    index.update(listing(nameOf('a', 1)));
    expect(due(index)).toEqual([]);
    expect(index.merged.get('a')).toBe(parseSnapshotName(nameOf('a', 2)).timestampNano);
  });

  it('decision 11: a refused object gives way to an older good one, and is never tried again', () => {
    const index = new RemoteIndex('main', 'me');
    const all = listing(nameOf('a', 1), nameOf('a', 2), nameOf('a', 3));
    index.update(all);
    index.markRefused(parseSnapshotName(nameOf('a', 3)));
    expect(due(index)).toEqual([nameOf('a', 2)]);
    index.markRefused(parseSnapshotName(nameOf('a', 2)));
    expect(due(index)).toEqual([nameOf('a', 1)]);
    index.markMerged(parseSnapshotName(nameOf('a', 1)));
    index.update(all);
    expect(due(index)).toEqual([]);
    expect([...index.refused].sort()).toEqual([nameOf('a', 2), nameOf('a', 3)]);
    index.update([...all, ...listing(nameOf('a', 4))]);
    expect(due(index)).toEqual([nameOf('a', 4)]);
  });

  it('an instance of which everything is refused is not waited for', () => {
    const index = new RemoteIndex('main', 'me');
    index.update(listing(nameOf('a', 1)));
    index.markRefused(parseSnapshotName(nameOf('a', 1)));
    expect([index.waitingFor().size, index.instances()]).toEqual([0, []]);
  });

  it('an object removed since the listing is not due; the one before it is', () => {
    const index = new RemoteIndex('main', 'me');
    index.update(listing(nameOf('a', 1), nameOf('a', 2)));
    index.markGone(parseSnapshotName(nameOf('a', 2)));
    expect(due(index)).toEqual([nameOf('a', 1)]);
    index.markGone(parseSnapshotName(nameOf('a', 1)));
    expect(due(index)).toEqual([]);
  });

  it('decision 10: an object that arrives after a newer one was merged counts: its writer’s clock was set back', () => {
    const index = new RemoteIndex('main', 'me');
    index.update(listing(nameOf('a', 5)));
    index.markMerged(parseSnapshotName(nameOf('a', 5)));
    index.update(listing(nameOf('a', 2), nameOf('a', 5)));
    expect(due(index)).toEqual([nameOf('a', 2)]);
    index.markMerged(parseSnapshotName(nameOf('a', 2)));
    expect(due(index)).toEqual([]);
    expect(index.merged.get('a')).toBe(parseSnapshotName(nameOf('a', 5)).timestampNano);
  });

  it('decision 10: also when it arrives while the newer one is being loaded', () => {
    const index = new RemoteIndex('main', 'me');
    index.update(listing(nameOf('a', 5)));
    index.update(listing(nameOf('a', 2), nameOf('a', 5)));
    index.markMerged(parseSnapshotName(nameOf('a', 5)));
    expect(due(index)).toEqual([nameOf('a', 2)]);
  });

  it('foreign names and deltas are not due; a foreign name is told once', () => {
    const index = new RemoteIndex('main', 'me');
    const delta = buildSnapshotName({
      databaseName: 'main',
      instanceId: 'a',
      timestampNano: toTimestampNano(1_700_000_000_000_000_002n),
      previousTimestampNano: toTimestampNano(1_700_000_000_000_000_001n),
      generationId: 'GX',
      kind: 'delta',
    });
    const names = listing('main__notes.txt', 'main__x', nameOf('a', 1).replace('main', 'main__b'), delta);
    expect(index.update(names)).toHaveLength(3);
    expect(index.update(names)).toEqual([]);
    expect(due(index)).toEqual([]);
  });

  describe('our own objects', () => {
    it('what we store is not due, and is not taken for a namesake’s', () => {
      const index = new RemoteIndex('main', 'me');
      index.update(listing());
      index.addOwn(nameOf('me', 7));
      index.update(listing(nameOf('me', 7)));
      expect([due(index), index.foreignOwnObject]).toEqual([[], undefined]);
    });

    it('also when a listing ends before the object is there', () => {
      const index = new RemoteIndex('main', 'me');
      index.update(listing());
      index.addOwn(nameOf('me', 7));
      index.update(listing());
      index.update(listing(nameOf('me', 7)));
      expect([due(index), index.foreignOwnObject]).toEqual([[], undefined]);
    });

    it('also when a store that failed for us has reached the bucket, and a later one as well', () => {
      const index = new RemoteIndex('main', 'me');
      index.update(listing(nameOf('me', 1)));
      index.markMerged(parseSnapshotName(nameOf('me', 1)));
      for (const nano of [7, 8, 9]) index.addOwn(nameOf('me', nano));
      index.update(listing(nameOf('me', 1)));
      index.update(listing(nameOf('me', 1), nameOf('me', 7), nameOf('me', 9)));
      expect([due(index), index.foreignOwnObject]).toEqual([[], undefined]);
    });

    it('what was there at start is ours and due; what appears later and we did not write is a namesake’s, and due', () => {
      const index = new RemoteIndex('main', 'me');
      index.update(listing(nameOf('me', 1)));
      index.markMerged(parseSnapshotName(nameOf('me', 1)));
      expect(index.foreignOwnObject).toBeUndefined();
      index.update(listing(nameOf('me', 1), nameOf('me', 3)));
      expect(index.foreignOwnObject).toBe(nameOf('me', 3));
      expect(due(index)).toEqual([nameOf('me', 3)]);
    });

    it('an object of ours that was cleaned and put back by hand is no namesake’s', () => {
      const index = new RemoteIndex('main', 'me');
      index.update(listing());
      index.addOwn(nameOf('me', 7));
      index.update(listing(nameOf('me', 7)));
      index.update(listing(nameOf('me', 7), nameOf('me', 8)));
      expect(index.foreignOwnObject).toBe(nameOf('me', 8));
    });

    it('remembers a bounded number of names that never arrived', () => {
      const index = new RemoteIndex('main', 'me');
      index.update(listing());
      for (let nano = 0; nano < 5000; nano++) index.addOwn(nameOf('me', nano));
      index.update(listing(nameOf('me', 4999)));
      expect(index.foreignOwnObject).toBeUndefined();
    });
  });
});
