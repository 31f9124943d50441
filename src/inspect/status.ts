import type { ObjectStorage } from '../storage/index.ts';
import { type InstanceObjects, listByInstance } from './bucket-objects.ts';

/** What a bucket tells of one instance's objects of one database. */
export interface BucketPeer {
  readonly instance: string;
  readonly newestObject: string;
  readonly newestNano: bigint;
  /** Whether its newest full snapshot says that it reads deltas; undefined: it has none. */
  readonly readsDeltas: boolean | undefined;
  readonly objects: number;
  readonly sizeBytes: number;
}

/** One listing, nothing is loaded. */
export async function bucketPeers(
  database: string,
  storage: ObjectStorage,
  signal: AbortSignal,
): Promise<BucketPeer[]> {
  return (await listByInstance(database, storage, signal)).map(peerOf);
}

function peerOf({ instance, objects }: InstanceObjects): BucketPeer {
  const newest = objects.at(-1)!.name;
  return {
    instance,
    newestObject: newest.full,
    newestNano: newest.timestampNano,
    readsDeltas: objects.findLast(({ name }) => name.kind === 'snapshot')?.name.readsDeltas,
    objects: objects.length,
    sizeBytes: objects.reduce((sum, { info }) => sum + info.sizeBytes, 0),
  };
}
