import { gunzipSync } from 'node:zlib';
import { parseSnapshotName, type SnapshotName } from '../../../src/snapshot/index.ts';
import { readWithLibrary } from '../../snapshot/second-codec.ts';
import { beats, type Entry } from './entry.ts';

/** An object of the bucket, read by the independent codec. */
export interface KnownObject {
  readonly name: SnapshotName;
  readonly txnId: number;
  /** See `Origin`; by the one who knows. */
  epoch: number;
  readonly entries: ReadonlyMap<string, Entry>;
}

export function knownObject(fullName: string, bytes: Buffer): KnownObject {
  const { meta, dbis } = readWithLibrary(gunzipSync(bytes));
  const entries = new Map<string, Entry>();
  for (const { name, entries: found } of dbis) {
    for (const { key, value, timestampNano, flags } of found) {
      const deleted = (flags & 1) === 1;
      entries.set(`${name}/${key}`, { nano: timestampNano, deleted, value: deleted ? '' : value });
    }
  }
  return { name: parseSnapshotName(fullName), txnId: Number(meta.lmdbTxnId), epoch: 0, entries };
}

/** What a joiner gets of one instance: its newest full snapshot, and the deltas that continue it. */
export function chainOf(objects: readonly KnownObject[]): {
  readonly entries: Map<string, Entry>;
  readonly endNano: bigint;
} {
  const entries = new Map<string, Entry>();
  const full = objects
    .filter(({ name }) => name.kind === 'snapshot')
    .sort(byTime)
    .at(-1);
  if (!full) return { entries, endNano: 0n };
  takeInto(entries, full.entries);
  let endNano: bigint = full.name.timestampNano;
  const deltas = objects.filter(({ name }) => name.kind === 'delta').sort(byTime);
  for (let moved = true; moved; ) {
    moved = false;
    for (const { name, entries: more } of deltas) {
      if (name.previousTimestampNano! > endNano || name.timestampNano <= endNano) continue;
      takeInto(entries, more);
      endNano = name.timestampNano;
      moved = true;
    }
  }
  return { entries, endNano };
}

export function takeInto(entries: Map<string, Entry>, more: ReadonlyMap<string, Entry>): void {
  for (const [id, entry] of more) {
    const there = entries.get(id);
    if (!there || beats(entry, there)) entries.set(id, entry);
  }
}

function byTime(a: KnownObject, b: KnownObject): number {
  if (a.name.timestampNano !== b.name.timestampNano) return a.name.timestampNano < b.name.timestampNano ? -1 : 1;
  return a.name.full < b.name.full ? -1 : 1;
}
