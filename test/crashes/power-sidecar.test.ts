import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect } from 'vitest';
import { Environment } from '../../src/lmdb/index.ts';
import { silentLog } from '../../src/log/index.ts';
import { TIME_ZERO } from '../../src/merge/index.ts';
import { readSnapshot } from '../../src/snapshot/index.ts';
import { bytesBody } from '../../src/storage/index.ts';
import { LmdbDatabase, type LmdbDatabaseOptions, Sidecar } from '../../src/sync/local/index.ts';
import { systemClock } from '../../src/sync/time/index.ts';
import { fsPlace } from '../e2e/buckets-machine.ts';
import { NO_SWEEPER } from '../support/fleet/peer.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { CrashMachine } from './crash-machine.ts';
import { type CrashState, Disk } from './power-disk.ts';
import { canTrace, checkFolder, sidecarOf, type Watched, watchOnce } from './power-watch.ts';
import { type Run, scenario, sized } from './scenario.ts';

const SETTINGS: Omit<LmdbDatabaseOptions, 'environment' | 'sidecar' | 'report'> = {
  clock: systemClock,
  log: silentLog,
  schema: {
    native: false,
    dupsortHack: false,
    overrideCreateFlags: new Map(),
    droppedDbis: 'delete',
    acceptSchemaChange: false,
  },
  mapSizeBytes: 0,
  merge: {
    extraBlocks: 0,
    lockMaxMs: 0,
    wholeUpTo: 0,
    maxDecompressedBytes: 2 ** 30,
    read: readSnapshot,
    collectGarbage: () => {},
    cutoff: () => TIME_ZERO,
  },
  sweeper: NO_SWEEPER,
  included: () => new Map(),
};

/** Writes the two files over those that are there, for a data file is known by its inode. */
function putBack({ files }: CrashState, paths: readonly string[]): void {
  for (const path of paths) {
    rmSync(`${path}-lock`, { force: true });
    const data = files.get(path);
    if (data) writeFileSync(path, data);
    else rmSync(path, { force: true });
  }
}

/**
 * What the next start makes of what a power failure has left: it is no sidecar of another LMDB, nothing of the peer's is taken for a change
 * of ours, before its object is merged once more and after it (I12), and then all agrees (I4).
 */
async function startOn(state: CrashState, { path, bucket }: Watched): Promise<void> {
  const beside = sidecarOf({ path });
  putBack(state, [path, beside]);
  const environment = Environment.open(path, { noSubdir: true, noSync: true });
  const sidecar = new Sidecar({ path: beside, environment, maxDbs: 64, noSync: true });
  const differences: number[] = [];
  const local = new LmdbDatabase({
    ...SETTINGS,
    environment,
    sidecar,
    report: (event) => {
      if (event.type === 'fullScan') differences.push(event.differences);
    },
  });
  try {
    const { tracker } = local;
    const assertNothingOfPeers = (): void => {
      const { unpublished } = tracker;
      const taken = PEER_KEYS.filter((key) => unpublished.has('data', key, 0, key.length)).map(String);
      const made = unpublished.dbiNames.filter((name) => name !== 'data');
      expect({ line: state.moment, taken, made }).toEqual({ line: state.moment, taken: [], made: [] });
    };
    const isFirst = !state.files.has(beside) || sidecar.state.txnId === 0;
    tracker.localRound();
    // A first filling is published whole.
    if (!isFirst) assertNothingOfPeers();
    tracker.takeUnpublished();
    for (const [name, bytes] of state.files) {
      if (!name.startsWith(`${bucket}/main__peer__`)) continue;
      const objects = [{ name: basename(name), body: bytesBody(bytes) }];
      await local.merge({ kind: 'snapshot', objects }, new AbortController().signal);
      assertNothingOfPeers();
    }
    tracker.fullScan();
    expect(differences).toEqual([0]);
  } finally {
    local.close();
  }
}

/** Of all rounds. */
const PEER_KEYS = Array.from({ length: 200 }, (_, index) => Buffer.from(`peer-${index}`));

/** Before anything is written to the sidecar, what it will speak of is durable in the LMDB, whatever the application has synced. */
function assertMainFirst({ trace, path }: Watched): void {
  const beside = sidecarOf({ path });
  const isOne = (name: string): boolean => name === beside || name === `${beside}-new`;
  const made = trace.changes.find((change) => change.type === 'create' && isOne(change.path));
  const inode = trace.inodes.get(beside) ?? (made?.type === 'create' ? made.inode : undefined);
  const main = trace.inodes.get(path);
  const synced = trace.changes.find((change) => change.type === 'sync' && change.inode === main);
  // The first two pages of a new one are LMDB's own.
  const first = trace.changes.find((one) => one.type === 'write' && one.inode === inode && one.offset >= 8192);
  expect(first).toBeDefined();
  expect(synced!.done).toBeLessThan(first!.begun);
}

/** The LMDB as it was before an application wrote that never syncs, until we have synced it. */
function unsyncedDisk({ trace, before, path }: Watched, older: Buffer): Disk | undefined {
  return older.equals(before.get(path)!) ? undefined : new Disk(trace, new Map([...before, [path, older]]));
}

async function powerFails(run: Run, states: number): Promise<void> {
  const folder = temporaryFolder();
  const bucket = join(folder, 'bucket');
  const lmdb = { shadow: 'sidecar', dropped_dbis: 'delete' };
  const machine = await CrashMachine.create(folder, 'a', {
    place: fsPlace(bucket),
    more: { lmdb_lock_max: '1ms' },
    lmdb,
  });
  const paths = [machine.path, sidecarOf(machine)];
  let unsynced = 0;
  for (let round = 0; round < 3; round++) {
    const older = readFileSync(machine.path);
    const watched = await watchOnce(machine, folder, bucket, round);
    assertMainFirst(watched);
    const { trace, disk, path } = watched;
    const main = trace.inodes.get(path);
    const isSynced = (moment: number): boolean =>
      trace.changes.some((change) => change.type === 'sync' && change.inode === main && change.done < moment);
    const careless = unsyncedDisk(watched, older);
    const moments = [...new Set(trace.changes.flatMap(({ begun, done }) => [begun + 1, done + 1]))];
    for (let state = 0; state < states; state++) {
      const moment = moments[Math.floor(run.random() * moments.length)]!;
      const isLost = careless !== undefined && !isSynced(moment);
      if (isLost) unsynced++;
      const crashed = (isLost ? careless : disk).stateAt(moment, run.random);
      checkFolder(watched, crashed);
      // What is published has its times here.
      const ours = [...crashed.files.keys()].filter((name) => name.startsWith(`${bucket}/main__a__`));
      if (ours.length > 0) expect(crashed.files.has(paths[1]!), `a sidecar at line ${moment}`).toBe(true);
      await startOn(crashed, watched);
      run.round();
    }
    putBack(disk.wholeAt(trace.length), paths);
  }
  run.figure('of them with an LMDB that nobody had synced', unsynced);
  expect(unsynced).toBeGreaterThan(0);
}

describe.skipIf(!canTrace)('a power failure beside a sidecar', () => {
  scenario(
    'that loses or keeps each part of what no fsync covers: nothing of a peer is taken for a change of ours, nothing is refused',
    (run) => powerFails(run, sized(60, 1_000)),
    180_000,
  );
});
