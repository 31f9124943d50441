import { gzipSync } from 'node:zlib';
import { toTimestampNano } from '../../../src/snapshot/index.ts';
import { writeWithLibrary } from '../../snapshot/second-codec.ts';
import { META, type PlainDbi, type PlainSnapshot } from '../../snapshot/support.ts';

export interface ObjectEntry {
  readonly key: string | Buffer;
  /** undefined: deleted. */
  readonly value: string | Buffer | undefined;
  readonly nano: bigint;
}

const hex = (data: string | Buffer): string => Buffer.from(data as Buffer).toString('hex');

export function dbiOf(name: string, entries: readonly ObjectEntry[], flags = 0, transform = ''): PlainDbi {
  return {
    name,
    flags,
    transform,
    entries: entries.map(({ key, value, nano }) => ({
      key: hex(key),
      value: value === undefined ? '' : hex(value),
      timestampNano: nano,
      flags: value === undefined ? 1 : 0,
    })),
  };
}

/** An object as another writer makes it, by the second codec. */
export function objectOf(dbis: readonly PlainDbi[], versions: Partial<PlainSnapshot> = {}): Buffer {
  const meta = { ...META, timestampNano: toTimestampNano(1_700_000_000_000_000_000n) };
  const snapshot = { formatVersion: 3, compatVersion: 1, meta, dbis: [...dbis], ...versions };
  return gzipSync(writeWithLibrary(snapshot, (fields) => fields));
}
