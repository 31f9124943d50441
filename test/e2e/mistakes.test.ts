import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  lstatSync,
  mkdirSync,
  openSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Application } from '../support/application/application.ts';
import { withoutPrivileges } from '../support/privileges.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { type LmdbSetup, runProduct, type Setup, writeConfig } from './product.ts';

interface Mistake {
  mistake: string;
  /** What the line says. */
  says: RegExp;
  /** What the hint says; without it none is asked for. */
  hint?: RegExp;
  lmdb?: Partial<LmdbSetup>;
  more?: Setup['more'];
  args?: readonly string[];
  /** Default 1. */
  exitCode?: number;
  env?: Record<string, string>;
  wrapper?: readonly string[];
  /** Spoils what was set up; gets the folder and the path of the LMDB, where an LMDB is. */
  spoil?: (folder: string, path: string) => void;
  shadowPath?: (path: string) => string;
}

const SIDECAR = { shadow: 'sidecar', dropped_dbis: 'delete' } as const;
const BIND = 'import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])';
const besideOf = (path: string): string => `${path}.lmdbstream-shadow`;

const MISTAKES: Mistake[] = [
  {
    mistake: 'no configuration file',
    says: /nowhere\.yaml/,
    args: ['--config', '/nowhere.yaml', 'sync'],
  },
  {
    mistake: 'a misspelt key',
    says: /lmbd_poll_interval/,
    hint: /lmdb_poll_interval/,
    more: { lmbd_poll_interval: '1s' },
  },
  { mistake: 'a storage that does not exist', says: /storage\.type.*tape/, more: { storage: { type: 'tape' } } },
  { mistake: 'an unknown command', says: /snyc/, hint: /sync/, args: ['snyc'], exitCode: 2 },
  { mistake: 'an unknown flag', says: /--wrong/, args: ['sync', '--wrong'], exitCode: 2 },
  {
    mistake: '--only-db of a database that is not configured',
    says: /no database "mian"/,
    hint: /configured: main/,
    args: ['sync', '--only-db', 'mian'],
    exitCode: 2,
  },
  { mistake: 'no_subdir forgotten', says: /db/, hint: /no_subdir/, lmdb: { options: {} } },
  { mistake: 'an LMDB that is not there', says: /No such file/, hint: /create/, lmdb: { path: '/nowhere/pdns.lmdb' } },
  {
    mistake: 'a file that is no LMDB',
    says: /db/,
    hint: /not an LMDB data file/,
    spoil: (_, path) => writeFileSync(path, 'SQLite format 3\0'.repeat(1000)),
  },
  {
    mistake: 'a data file of another LMDB format, as npm’s lmdb writes',
    says: /db/,
    hint: /npm package `lmdb`/,
    spoil: (_, path) => {
      const file = openSync(path, 'r+');
      // The version of the data format in both meta pages.
      for (const page of [0, 4096]) writeSync(file, Buffer.from([2, 0, 0, 0]), 0, 4, page + 20);
    },
  },
  {
    mistake: 'no liblmdb',
    says: /liblmdb was not found/,
    hint: /apt-get install liblmdb0/,
    env: { LMDBSTREAM_LIBLMDB: '/nonexistent/liblmdb.so' },
  },
  {
    mistake: 'a bucket that cannot be made',
    says: /bucket/,
    more: {
      storage: { type: 'fs', options: { root_path: '/dev/null/bucket' } },
      storage_retry_forever: false,
      storage_retry_count: 2,
    },
  },
  { mistake: 'a DUPSORT DBI without dupsort_hack', says: /dup/, hint: /dupsort_hack/, lmdb: { dupsort_hack: false } },
  {
    mistake: 'native mode on an application that does not track changes',
    says: /header|plain|dup/,
    lmdb: { schema_tracks_changes: true, dupsort_hack: false },
  },
  {
    mistake: 'a sidecar in native mode',
    says: /lmdbs\.main\.shadow.*schema_tracks_changes/,
    hint: /has no shadow/,
    lmdb: { ...SIDECAR, schema_tracks_changes: true, dupsort_hack: false },
  },
  {
    mistake: 'a sidecar in a folder that cannot be made',
    says: /\/dev\/null/,
    lmdb: { ...SIDECAR, shadow_path: '/dev/null/sidecar' },
  },
  {
    mistake: 'a sidecar where nothing can be written',
    says: /\/proc/,
    lmdb: { ...SIDECAR, shadow_path: '/proc/sidecar' },
  },
  {
    mistake: 'a folder in the place of the sidecar',
    says: /lmdbstream-shadow/,
    hint: /shadow_path/,
    lmdb: SIDECAR,
    spoil: (_, path) => mkdirSync(besideOf(path)),
  },
  {
    mistake: 'a device in the place of the sidecar',
    says: /the sidecar \/dev\/null is not a regular file/,
    hint: /shadow_path/,
    lmdb: { ...SIDECAR, shadow_path: '/dev/null' },
  },
  {
    mistake: 'a FIFO in the place of the sidecar',
    says: /lmdbstream-shadow is not a regular file/,
    hint: /shadow_path/,
    lmdb: SIDECAR,
    spoil: (_, path) => execFileSync('mkfifo', [besideOf(path)]),
  },
  {
    mistake: 'a socket in the place of the sidecar',
    says: /lmdbstream-shadow is not a regular file/,
    hint: /shadow_path/,
    lmdb: SIDECAR,
    spoil: (_, path) => execFileSync('/usr/bin/python3', ['-c', BIND, besideOf(path)]),
  },
  {
    mistake: 'a link that leads nowhere in the place of the sidecar',
    says: /lmdbstream-shadow is a link that leads nowhere/,
    hint: /remove the link/,
    lmdb: SIDECAR,
    spoil: (folder, path) => symlinkSync(join(folder, 'not-mounted', 'sidecar'), besideOf(path)),
  },
  {
    mistake: 'a link that leads to itself in the place of the sidecar',
    says: /lmdbstream-shadow cannot be looked at: .*ELOOP/,
    hint: /shadow_path/,
    lmdb: SIDECAR,
    spoil: (_, path) => symlinkSync(besideOf(path), besideOf(path)),
  },
  {
    mistake: 'the lock file of the LMDB as the sidecar',
    says: /shadow_path: .*db-lock is a lock file of "main" already/,
    hint: /a file of its own/,
    lmdb: SIDECAR,
    shadowPath: (path) => `${path}-lock`,
  },
  {
    mistake: 'a file that is no LMDB in the place of the sidecar',
    says: /lmdbstream-shadow/,
    hint: /it is damaged: remove it/,
    lmdb: SIDECAR,
    spoil: (_, path) => writeFileSync(besideOf(path), 'SQLite format 3\0'.repeat(1000)),
  },
  {
    mistake: 'an LMDB of an application in the place of the sidecar',
    says: /lmdbstream-shadow.*application/,
    hint: /shadow_path/,
    lmdb: SIDECAR,
    spoil: (_, path) => copyFileSync(path, besideOf(path)),
  },
  {
    mistake: 'a sidecar that is the data file itself',
    says: /lmdbstream-shadow/,
    hint: /shadow_path/,
    lmdb: SIDECAR,
    spoil: (_, path) => symlinkSync(path, besideOf(path)),
  },
];

async function make(folder: string, { spoil }: Mistake): Promise<string> {
  const path = join(folder, 'db');
  const application = await Application.start(path, { noSubdir: true, mapSizeBytes: 2 ** 20, sync: false });
  onTestFinished(() => application.kill());
  await application.batch(
    { op: 'put', dbi: 'dup', key: 'k', value: '1', flags: 4 },
    { op: 'put', dbi: 'plain', key: 'k', value: 'v' },
  );
  await application.stop();
  spoil?.(folder, path);
  return path;
}

describe('what an operator gets wrong is answered by one line and a hint, with exit code 1 or 2', () => {
  it.each(MISTAKES)('$mistake', async (mistake) => {
    const { says, hint, lmdb = {}, more = {}, args = ['sync', '--only-once'] } = mistake;
    const { env = {}, wrapper = [], exitCode = 1 } = mistake;
    const folder = temporaryFolder();
    const path = await make(folder, mistake);
    const place = mistake.shadowPath && { shadow_path: mistake.shadowPath(path) };
    const setup = { path, options: { no_subdir: true }, dupsort_hack: true, ...lmdb, ...place };
    const config = writeConfig(folder, 'config', { lmdbs: { main: setup }, bucket: join(folder, 'bucket'), more });
    const flags = ['--config', config, '--instance', 'a', '--log-level', 'fatal'];
    const { code, stderr, stdout } = await runProduct([...flags, ...args], { env, wrapper });
    expect({ code, stdout }).toEqual({ code: exitCode, stdout: '' });
    const [line, second, ...others] = stderr.trimEnd().split('\n');
    expect(line).toMatch(/^Error: /);
    expect(line).toMatch(says);
    if (hint) expect(second).toMatch(new RegExp(`^Hint: .*${hint.source}`));
    if (second !== undefined) expect(second).toMatch(/^Hint: /);
    expect(others).toEqual([]);
  });

  it.each([
    ['a FIFO', (place: string) => void execFileSync('mkfifo', [place]), /not a regular file/],
    ['a link that leads nowhere', (place: string) => symlinkSync('/nowhere/sidecar', place), /leads nowhere/],
  ])('%s in the place of the sidecar: the commands say it as well, and leave it alone', async (_, spoil, says) => {
    const folder = temporaryFolder();
    const path = await make(folder, MISTAKES[0]!);
    spoil(besideOf(path));
    mkdirSync(join(folder, 'bucket'));
    const lmdbs = { main: { path, options: { no_subdir: true }, dupsort_hack: true, ...SIDECAR } };
    const config = writeConfig(folder, 'config', { lmdbs, bucket: join(folder, 'bucket') });
    const before = lstatSync(besideOf(path), { bigint: true });
    for (const args of [['doctor'], ['stats'], ['verify'], ['drop-shadow'], ['shadow', 'move', '--to', 'inline']]) {
      const { code, stdout, stderr } = await runProduct(['--config', config, '--instance', 'a', ...args]);
      expect([args, code === 0]).toEqual([args, false]);
      expect(stdout + stderr).toMatch(says);
    }
    expect(lstatSync(besideOf(path), { bigint: true }).ino).toBe(before.ino);
  });

  it('an LMDB that this user may not write', async () => {
    const folder = temporaryFolder();
    const path = await make(folder, MISTAKES[0]!);
    chmodSync(path, 0o444);
    const lmdbs = { main: { path, options: { no_subdir: true }, dupsort_hack: true } };
    const config = writeConfig(folder, 'config', { lmdbs, bucket: join(folder, 'bucket') });
    const flags = ['--config', config, '--instance', 'a', '--log-level', 'fatal', 'sync', '--only-once'];
    const { code, stderr } = await runProduct(flags, { wrapper: withoutPrivileges });
    expect(code).toBe(1);
    expect(stderr).toMatch(/^Error: .*Permission denied\nHint: run as the user that owns the LMDB.*\n$/);
  });
});
