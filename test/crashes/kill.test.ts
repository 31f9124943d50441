import { join } from 'node:path';
import { describe } from 'vitest';
import { fsPlace, s3Place } from '../e2e/buckets-machine.ts';
import { useSeaweedfs } from '../support/servers/index.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { type KillOptions, kills } from './kills.ts';
import { isSoak, scenario, sized } from './scenario.ts';

const seaweedfs = await useSeaweedfs();

/** Calls that write, with how often one life comes by: a crash is before or after one of them, so between every two. */
const OF_LMDB: readonly [string, number][] = [
  ['mdb_env_open', 1],
  ['mdb_reader_check', 1],
  ['mdb_txn_begin', 10],
  ['mdb_dbi_open', 10],
  ['mdb_cursor_put', 100],
  ['mdb_del', 10],
  ['mdb_txn_commit', 10],
];
/** Of the first filling of the shadow, which happens once: both machines go through these, in this order. */
const OF_FILLING = [
  'after mdb_put 1',
  'before mdb_put 2',
  'before mdb_cursor_put 999',
  'before mdb_drop 1',
  'after mdb_drop 1',
];
/** The lock file beside the LMDB. */
const OF_LOCK: readonly [string, number][] = [
  ['open', 1],
  ['ftruncate', 1],
  ['write', 1],
];
const OF_FOLDER: readonly [string, number][] = [
  ['open', 4],
  ['file write', 4],
  ['file sync', 6],
  ['rename', 4],
  ['unlink', 3],
];
const OF_S3: readonly [string, number][] = [
  ['PUT', 4],
  ['DELETE', 3],
];
/** Of a write to a sidecar (decision 16). */
const OF_SIDECAR: readonly [string, number][] = [
  ['intents written', 4],
  ['intents committed', 4],
  ['main committed', 4],
  ['settled', 4],
  ['recorded', 6],
];

const sidesOf = (calls: readonly [string, number][]): [string, number][] =>
  calls.flatMap(([name, most]) => {
    const sides = name === 'PUT' ? ['before', 'within', 'after'] : ['before', 'after'];
    return sides.map((side): [string, number] => [`${side} ${name}`, most]);
  });

const after = (names: readonly string[]): string[] => names.map((name) => `after ${name}`);
const PASSED = after(['mdb_txn_begin', 'mdb_txn_commit', 'mdb_cursor_put', 'mdb_reader_check']);

/** All lives. */
const AT_RANDOM = { calls: [], first: [], count: sized(4, 100) };

const onFolder = (): Pick<KillOptions, 'place' | 'passed'> => ({
  place: fsPlace(join(temporaryFolder(), 'bucket')),
  passed: [...PASSED, ...after(['file write', 'file sync', 'rename'])],
});

/** Also that nothing of a peer was stamped as a change of ours (I12): `versions.ts`. */
describe('kill -9', () => {
  scenario(
    'at named points and at random times, on a folder',
    (run) => {
      const calls = sidesOf([...OF_LMDB, ...OF_FOLDER]);
      return kills({ ...onFolder(), calls, first: OF_FILLING, count: sized(24, 200) }, run);
    },
    240_000,
  );

  scenario(
    'at named points and at random times, on SeaweedFS',
    (run) => {
      const calls = sidesOf([...OF_LMDB, ...OF_LOCK, ...OF_S3]);
      const passed = [...PASSED, ...after(['PUT'])];
      return kills({ place: s3Place(seaweedfs), calls, first: OF_FILLING, count: sized(24, 200), passed }, run);
    },
    240_000,
  );

  scenario(
    'at each point of a write to a sidecar and at random times, on a folder',
    (run) => {
      const { place, passed } = onFolder();
      const calls = [...OF_SIDECAR, ...(isSoak ? sidesOf(OF_LMDB) : [])];
      const points = OF_SIDECAR.map(([name]) => name);
      const lmdb = { shadow: 'sidecar', dropped_dbis: 'delete' };
      const first = ['recorded 1', 'recorded 2', 'before mdb_drop 1'];
      return kills({ place, calls, first, count: sized(24, 200), lmdb, passed: [...passed, ...points] }, run);
    },
    240_000,
  );

  scenario(
    'at random times in native mode, on a folder',
    (run) => kills({ ...onFolder(), ...AT_RANDOM, schema: { schema_tracks_changes: true } }, run),
    240_000,
  );

  scenario(
    'at random times with dupsort_hack, on a folder',
    (run) => kills({ ...onFolder(), ...AT_RANDOM, schema: { dupsort_hack: true } }, run),
    240_000,
  );
});
