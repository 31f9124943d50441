import { existsSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { DbiFlag, Environment } from '../../src/lmdb/index.ts';
import { cursorScan } from '../btree/fixture.ts';
import { storedEntry } from '../support/objects/shadow-entries.ts';
import { Workplace } from './harness.ts';

const LONG = 'x'.repeat(100);
const dupKey = (value: string): string => `k\0\0\0\0${value.slice(0, 505)}\x01`;

let place: Workplace;
beforeEach(() => {
  place = new Workplace(['main']);
  place.fill('main', (transaction) => {
    const data = transaction.openOrCreateDbi('data', 0);
    const shadow = transaction.openOrCreateDbi('_sync_shadow_data', 0);
    for (const [key, value] of [
      ['empty', ''],
      ['long', `${LONG}long`],
      ['short', 'short'],
    ] as const) {
      transaction.put(data, Buffer.from(key), Buffer.from(value));
      transaction.put(shadow, Buffer.from(key), storedEntry(5n, value));
    }
    transaction.put(shadow, Buffer.from('gone'), storedEntry(7n, undefined));
    const pairs = transaction.openOrCreateDbi('pairs', DbiFlag.dupSort);
    const pairShadow = transaction.openOrCreateDbi('_sync_shadow_pairs', 0);
    for (const value of ['short', 'y'.repeat(505), 'z'.repeat(511)]) {
      transaction.put(pairs, Buffer.from('k'), Buffer.from(value));
      transaction.put(pairShadow, Buffer.from(dupKey(value), 'latin1'), storedEntry(9n, value));
    }
  });
});
afterEach(() => place.remove());

const path = (): string => place.lmdbPath('main');
const sidecar = (): string => join(path(), 'data.mdb.lmdbstream-shadow');

function content(): Record<string, unknown> {
  const environment = Environment.open(path());
  try {
    return environment.read((txn) => Object.fromEntries(txn.dbiNames().map((name) => [name, cursorScan(txn, name)])));
  } finally {
    environment.close();
  }
}

it('moves all shadows into a sidecar, and back as they were', async () => {
  const before = content();
  expect(await place.run(['shadow', 'move', '--to', 'sidecar'])).toMatchObject({
    code: 0,
    stdout: 'main: moved _sync_shadow_data (4 entries)\nmain: moved _sync_shadow_pairs (3 entries)\n',
  });
  expect(Object.keys(content())).toEqual(['data', 'pairs']);
  expect((await place.run(['shadow', 'move', '--to', 'sidecar'])).stdout).toBe('main: nothing to move\n');
  expect((await place.run(['shadow', 'move', '--to', 'inline'])).code).toBe(0);
  expect(content()).toEqual(before);
  expect(existsSync(sidecar())).toBe(false);
  expect((await place.run(['shadow', 'move', '--to', 'inline'])).stdout).toBe('main: nothing to move\n');
});

it('what the application changed since is no longer what the shadow says, in whichever way it is moved', async () => {
  await place.run(['shadow', 'move', '--to', 'sidecar']);
  place.fill('main', (transaction) => {
    const data = transaction.openOrCreateDbi('data', 0);
    transaction.put(data, Buffer.from('long'), Buffer.alloc(0));
    transaction.delete(data, Buffer.from('short'));
  });
  await place.run(['shadow', 'move', '--to', 'inline']);
  const shadow = Object.fromEntries(content()._sync_shadow_data as [string, string][]);
  expect(shadow.long!.length).toBeGreaterThan(24);
  expect(shadow.short!.slice(24)).toBe('short');
});

it('a move that was cut short is made again from what lies inside', async () => {
  const before = content();
  await place.run(['shadow', 'move', '--to', 'sidecar']);
  await place.run(['shadow', 'move', '--to', 'inline']);
  // The sidecar was committed, the LMDB was not.
  const beside = Environment.open(sidecar(), { noSubdir: true, create: true });
  beside.write((txn) =>
    txn.put(txn.openOrCreateDbi('_sync_shadow_data', 0), Buffer.from('half'), storedEntry(1n, 'x')),
  );
  beside.close();
  expect((await place.run(['shadow', 'move', '--to', 'sidecar'])).code).toBe(0);
  expect((await place.run(['shadow', 'move', '--to', 'inline'])).code).toBe(0);
  expect(content()).toEqual(before);
});

it('a shadow that has the only copy of its values is moved with them, there and back', async () => {
  place.fill('main', (transaction) => transaction.drop(transaction.openDbi('data')!, true));
  const before = content();
  expect((await place.run(['shadow', 'move', '--to', 'sidecar'])).code).toBe(0);
  expect(Object.keys(content())).not.toContain('_sync_shadow_data');
  expect((await place.run(['shadow', 'move', '--to', 'inline'])).code).toBe(0);
  expect(content()).toEqual(before);
});

it('needs to know where to', async () => {
  expect((await place.run(['shadow', 'move'])).code).toBe(2);
  expect((await place.run(['shadow', 'move', '--to', 'elsewhere'])).code).toBe(2);
});

it('drop-shadow empties a sidecar that was moved to', async () => {
  await place.run(['shadow', 'move', '--to', 'sidecar']);
  const { code, stdout } = await place.run(['drop-shadow']);
  expect([code, stdout]).toEqual([0, expect.stringContaining('main: dropped _sync_shadow_data (4 entries)\n')]);
  const beside = Environment.open(sidecar(), { noSubdir: true });
  try {
    expect(beside.read((txn) => txn.dbiNames())).toEqual(['_sync_lmdbstream_sidecar']);
  } finally {
    beside.close();
  }
});

it('a file that is no LMDB in the place of the sidecar is told', async () => {
  writeFileSync(sidecar(), 'no LMDB'.repeat(1000));
  const outcome = await place.run(['shadow', 'move', '--to', 'sidecar']);
  expect(outcome.code).toBe(1);
  expect(outcome.stderr).not.toContain('    at ');
});

it('the LMDB of an application in the place of the sidecar is left as it is, by every command', async () => {
  const theirs = Environment.open(sidecar(), { noSubdir: true, create: true });
  theirs.write((txn) => txn.put(txn.openOrCreateDbi('theirs', 0), Buffer.from('k'), Buffer.from('v')));
  theirs.close();
  const before = [content(), readFileSync(sidecar())];
  for (const args of [
    ['shadow', 'move', '--to', 'sidecar'],
    ['shadow', 'move', '--to', 'inline'],
  ]) {
    const { code, stderr } = await place.run(args);
    expect([args, code, stderr]).toEqual([
      args,
      1,
      expect.stringMatching(/is the LMDB of an application, with DBI .*theirs/),
    ]);
  }
  expect([content(), readFileSync(sidecar())]).toEqual(before);
  expect((await place.run(['drop-shadow'])).code).toBe(1);
  expect(readFileSync(sidecar())).toEqual(before[1]);
});

it('an older LMDB is not given the times of its later state', async () => {
  const data = join(path(), 'data.mdb');
  await place.run(['shadow', 'move', '--to', 'sidecar']);
  const older = readFileSync(data);
  place.fill('main', (transaction) =>
    transaction.put(transaction.openDbi('data')!, Buffer.from('new'), Buffer.from('v')),
  );
  await place.run(['shadow', 'move', '--to', 'inline']);
  await place.run(['shadow', 'move', '--to', 'sidecar']);
  rmSync(join(path(), 'lock.mdb'), { force: true });
  writeFileSync(data, older);
  const before = content();
  const { code, stderr } = await place.run(['shadow', 'move', '--to', 'inline']);
  expect([code, stderr]).toEqual([1, expect.stringMatching(/does not belong to the LMDB as it is now/)]);
  expect([content(), existsSync(sidecar())]).toEqual([before, true]);
});

it('what is only half rebuilt is not taken for all that is known', async () => {
  await place.run(['shadow', 'move', '--to', 'sidecar']);
  const beside = Environment.open(sidecar(), { noSubdir: true });
  beside.write((txn) => {
    const state = txn.openDbi('_sync_lmdbstream_sidecar')!;
    const before = JSON.parse((txn.get(state, Buffer.from('state')) as Buffer).toString());
    txn.put(state, Buffer.from('state'), Buffer.from(JSON.stringify({ ...before, txnId: 0, isRebuilding: true })));
    txn.delete(txn.openDbi('_sync_shadow_data')!, Buffer.from('long'));
  });
  beside.close();
  const before = content();
  const { code, stderr } = await place.run(['shadow', 'move', '--to', 'inline']);
  expect([code, stderr]).toEqual([1, expect.stringMatching(/is only half rebuilt/)]);
  expect([content(), existsSync(sidecar())]).toEqual([before, true]);
});

it('the last commit of the data file stays that of the application: a change made offline is not made newer', async () => {
  const data = join(path(), 'data.mdb');
  for (const to of ['sidecar', 'inline']) {
    utimesSync(data, 1_700_000_000.25, 1_700_000_000.25);
    const { stdout } = await place.run(['shadow', 'move', '--to', to]);
    const laterMs = statSync(data).mtimeMs - 1_700_000_000_250;
    expect(stdout).toContain('moved');
    expect([laterMs >= 0, laterMs < 0.01]).toEqual([true, true]);
  }
});
