import { type SnapshotName, snapshotNameOf } from '../snapshot/index.ts';
import type { ObjectInfo, ObjectStorage } from '../storage/index.ts';

export interface NamedObject {
  readonly name: SnapshotName;
  readonly info: ObjectInfo;
}

/** The objects of one instance in a bucket, oldest first. */
export interface InstanceObjects {
  readonly instance: string;
  readonly objects: readonly NamedObject[];
}

/** One listing, nothing is loaded. */
export async function listByInstance(
  database: string,
  storage: ObjectStorage,
  signal: AbortSignal,
): Promise<InstanceObjects[]> {
  const listing = [];
  for await (const info of storage.list(`${database}__`, { signal })) listing.push(info);
  return byInstance(database, listing);
}

/** Pure: objects of one database by instance; names that are not ours are left out. */
export function byInstance(databaseName: string, listing: Iterable<ObjectInfo>): InstanceObjects[] {
  const found = new Map<string, NamedObject[]>();
  for (const info of listing) {
    const name = snapshotNameOf(info.name);
    if (name?.databaseName !== databaseName) continue;
    const objects = found.get(name.instanceId);
    if (objects) objects.push({ name, info });
    else found.set(name.instanceId, [{ name, info }]);
  }
  return [...found]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([instance, objects]) => ({ instance, objects: objects.sort(byTime) }));
}

/**
 * What has to be read to know all that an instance has published: its newest full snapshot and the deltas after it, those without one
 * if it has none. Deltas that a compacted one replaces are read as well, which changes nothing (I1).
 */
export function objectsThatCount({ objects }: InstanceObjects): readonly NamedObject[] {
  const newestFull = objects.findLastIndex(({ name }) => name.kind === 'snapshot');
  return newestFull < 0 ? objects : objects.slice(newestFull);
}

function byTime({ name: a }: NamedObject, { name: b }: NamedObject): number {
  if (a.timestampNano !== b.timestampNano) return a.timestampNano < b.timestampNano ? -1 : 1;
  // At the same time: the full snapshot covers all before it.
  if (a.kind !== b.kind) return a.kind === 'snapshot' ? -1 : 1;
  return a.full < b.full ? -1 : 1;
}
