import { type DatabaseView, deltaSources, type KeySet, snapshotSources } from '../../../src/shadow/index.ts';
import { encodeSnapshot, toTimestampNano } from '../../../src/snapshot/index.ts';

export interface EncodedOptions {
  readonly native: boolean;
  readonly knownFlags: ReadonlyMap<string, number>;
  readonly nano: bigint;
  readonly lmdbTxnId: bigint;
  /** Of a delta; undefined: everything. */
  readonly keys?: KeySet | undefined;
}

/** What a view shows, as an object of the bucket. */
export async function encoded(view: DatabaseView, options: EncodedOptions): Promise<Buffer> {
  const { native, knownFlags, nano, lmdbTxnId, keys } = options;
  const meta = {
    generationId: 'GX',
    instanceId: 'peer',
    hostname: 'host',
    databaseName: 'main',
    lmdbTxnId,
    timestampNano: toTimestampNano(nano),
    fromLmdbTxnId: 0n,
  };
  const sources = keys ? deltaSources(view, native, knownFlags, keys) : snapshotSources(view, native, knownFlags);
  const parts: Buffer[] = [];
  for await (const member of encodeSnapshot(meta, sources)) parts.push(member);
  return Buffer.concat(parts);
}
