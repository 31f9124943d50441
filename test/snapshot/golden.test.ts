import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { CorruptSnapshotError } from '../../src/snapshot/index.ts';
import { goldenObjects } from './golden-objects.ts';
import { readWithLibrary } from './second-codec.ts';
import { decode, encode, failureOf } from './support.ts';

const objects = goldenObjects();
const good = objects.filter(({ decoded }) => decoded !== null);

describe('what the reference wrote', () => {
  it('is all there', () => {
    expect(objects.length).toBeGreaterThan(80);
    expect(good.length).toBe(objects.length - 1);
  });

  it.each(good.map((object) => [object.path, object] as const))('decodes %s', async (_, object) => {
    const { snapshot, summary } = await decode(object.bytes, { chunkBytes: 7 });
    expect(snapshot).toEqual(readWithLibrary(gunzipSync(object.bytes)));
    if (object.decoded) expect(snapshot).toEqual(object.decoded);
    expect(summary).toMatchObject({ compressedBytes: object.bytes.length, dbis: snapshot.dbis.length });
    // The fixtures' writer puts some header fields behind the entries; the reference never does.
    if (object.byReference) expect(summary.passes).toBe(1);
  });

  it.each(objects.filter(({ decoded }) => decoded === null).map((object) => [object.path, object] as const))(
    'refuses %s',
    async (_, object) => {
      expect(await failureOf(decode(object.bytes))).toBeInstanceOf(CorruptSnapshotError);
    },
  );

  it.each(good.filter(({ byReference }) => byReference).map((object) => [object.path, object] as const))(
    'is encoded to the same bytes: %s',
    async (_, object) => {
      const { snapshot } = await decode(object.bytes);
      const again = await encode(snapshot.meta, snapshot.dbis);
      expect(gunzipSync(again).equals(gunzipSync(object.bytes))).toBe(true);
    },
  );
});
