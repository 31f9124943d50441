import { toInstanceId } from '../../snapshot/index.ts';
import { type ObjectStorage, StorageError } from '../../storage/index.ts';
import { type BucketPeer, bucketPeers } from '../status.ts';
import type { Findings } from './finding.ts';

/** No name of a snapshot: every machine ignores it. */
const PROBE = 'lmdbstream-doctor-probe';
const CLOCK_WARN_MS = 60_000;
const RECENT_NANO = 10n * 60n * 1_000_000_000n;
const RIGHTS = 'grant the rights that docs/storage.md lists';

export interface BucketChecks {
  readonly databases: readonly string[];
  readonly instance: string;
  /** `deltas` is not off. */
  readonly writesDeltas: boolean;
  /** Also store and delete a small object: the only way to know these rights. */
  readonly probesWriting: boolean;
  readonly nowNano: bigint;
  readonly signal: AbortSignal;
}

/** The rights one by one, the clock, who else is there. */
export async function checkBucket(storage: ObjectStorage, checks: BucketChecks, findings: Findings): Promise<void> {
  const { databases, signal } = checks;
  const peers = new Map<string, BucketPeer[]>();
  const listed = await attempt('bucket-list', 'objects can be listed', findings, async () => {
    for (const database of databases) peers.set(database, await bucketPeers(database, storage, signal));
  });
  const newest = [...peers.values()].flat()[0]?.newestObject;
  if (listed && newest === undefined) findings.info('bucket-load', 'there is no object yet to try loading');
  if (newest !== undefined) {
    await attempt('bucket-load', 'objects can be loaded', findings, async () => {
      for await (const _ of (await storage.load(newest, { signal })).stream) break;
    });
  }
  await checkWriting(storage, checks, findings);
  checkClock(storage, findings);
  for (const [database, ofDatabase] of peers) checkFleet(ofDatabase, checks, findings.of(database));
}

async function checkWriting(storage: ObjectStorage, checks: BucketChecks, findings: Findings): Promise<void> {
  const { probesWriting, signal } = checks;
  if (!probesWriting) {
    findings.info('bucket-store', 'storing and deleting were not tried', 'try them with --probe-write');
    return;
  }
  const stored = await attempt('bucket-store', 'objects can be stored', findings, () =>
    storage.store(PROBE, Buffer.from('made by lmdbstream doctor\n'), { signal }),
  );
  if (!stored) return;
  await attempt('bucket-delete', 'objects can be deleted', findings, () => storage.delete(PROBE, { signal }));
}

async function attempt(
  check: string,
  success: string,
  findings: Findings,
  body: () => Promise<void>,
): Promise<boolean> {
  try {
    await body();
    findings.ok(check, success);
    return true;
  } catch (error) {
    if (!(error instanceof StorageError)) throw error;
    findings.error(check, error.message, error.hint ?? RIGHTS);
    return false;
  }
}

function checkClock({ clockOffsetMs }: ObjectStorage, findings: Findings): void {
  if (clockOffsetMs === undefined) return;
  const seconds = Math.round(clockOffsetMs / 1000);
  if (Math.abs(clockOffsetMs) > CLOCK_WARN_MS) {
    findings.warning(
      'clock',
      `this clock is ${Math.abs(seconds)} s ${seconds > 0 ? 'behind' : 'ahead of'} the bucket's`,
      'run a time service on every machine: the later change wins',
    );
  } else findings.ok('clock', `the clocks of this machine and the bucket are within ${Math.abs(seconds) + 1} s`);
}

const UNSEEN =
  'a Lightning Stream that only receives, or has published nothing yet, leaves no object and cannot be seen';
const UNSEEN_HINT =
  'while there may be one: deltas: off on every machine (docs/deltas.md, "Fleets with Lightning Stream")';

function checkFleet(peers: readonly BucketPeer[], checks: BucketChecks, findings: Findings): void {
  const { instance, nowNano, writesDeltas } = checks;
  const own = peers.find((peer) => peer.instance === toInstanceId(instance));
  if (own && nowNano - own.newestNano < RECENT_NANO) {
    findings.info(
      'instance-name',
      `the instance ${instance} has published within ten minutes`,
      'if that was another machine, give this one a name of its own (instance)',
    );
  } else if (own) findings.ok('instance-name', `the bucket has objects of the instance ${instance}`);
  else findings.ok('instance-name', `the name ${instance} is free in the bucket`);
  const legacy = peers.filter(({ readsDeltas }) => readsDeltas === false).map((peer) => peer.instance);
  const modern = peers.filter(({ readsDeltas }) => readsDeltas === true).map((peer) => peer.instance);
  if (legacy.length > 0 && modern.length > 0) {
    findings.info('mixed-fleet', `some instances write full snapshots only: ${legacy.join(', ')}`);
  } else if (peers.length > 0) findings.ok('mixed-fleet', `${peers.length} instances, all of one kind`);
  if (writesDeltas && legacy.length === 0) findings.info('mixed-fleet', UNSEEN, UNSEEN_HINT);
}
