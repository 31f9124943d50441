import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { buildSnapshotName, toTimestampNano } from '../../src/snapshot/index.ts';
import { runProduct } from '../e2e/product.ts';
import { dbiOf, objectOf } from '../support/objects/objects.ts';
import type { CrashMachine } from './crash-machine.ts';
import { type CrashState, Disk } from './power-disk.ts';
import { type Change, readTrace, recordTo, type Trace } from './power-trace.ts';

export const canTrace = spawnSync('strace', ['-f', '--seccomp-bpf', '-e', 'trace=fsync', 'true']).status === 0;
if (!canTrace) process.stdout.write('not tested here: power failures, for strace is missing or may not trace\n');

/** One start of the product with something to record, to merge and to publish, watched. */
export interface Watched {
  readonly trace: Trace;
  readonly disk: Disk;
  /** Files that were there, by path. */
  readonly before: ReadonlyMap<string, Buffer>;
  readonly path: string;
  readonly bucket: string;
}

export type Write = Extract<Change, { type: 'write' }>;

export const sidecarOf = ({ path }: Pick<CrashMachine, 'path'>): string => `${path}.lmdbstream-shadow`;

/** Puts an object of a peer into the bucket. */
function deliver(bucket: string, round: number): void {
  const nano = BigInt(Date.now()) * 1_000_000n;
  const entries = Array.from({ length: 40 }, (_, index) => ({
    key: `peer-${index * (round + 1)}`,
    value: `${round}`,
    nano,
  }));
  const parts = { databaseName: 'main', instanceId: 'peer', generationId: 'GX', kind: 'snapshot' } as const;
  const name = buildSnapshotName({ ...parts, timestampNano: toTimestampNano(nano) });
  writeFileSync(join(bucket, `.${name}`), objectOf([dbiOf('data', entries), dbiOf(`more-${round}`, entries)]));
  renameSync(join(bucket, `.${name}`), join(bucket, name));
}

export async function watchOnce(
  machine: CrashMachine,
  folder: string,
  bucket: string,
  round: number,
): Promise<Watched> {
  const { path, reader, config } = machine;
  await reader.open(path, { noSubdir: true, mapSizeBytes: 2 ** 26 });
  const fill = {
    op: 'fill',
    dbi: 'data',
    prefix: `r${round}-`,
    from: 0,
    count: round === 0 ? 1_000 : 50,
    valueBytes: 60,
  } as const;
  await reader.batch(fill, { op: 'del', dbi: 'data', key: `r${round}-00000007` });
  // Nobody has it open, and nothing writes to it but what is watched.
  await reader.close();
  rmSync(`${path}-lock`);
  if (round > 0) deliver(bucket, round);
  const existing = [path, sidecarOf(machine)].filter((file) => existsSync(file));
  const before = new Map(existing.map((file) => [file, readFileSync(file)]));
  const file = join(folder, `trace-${round}`);
  const args = ['--config', config, '--instance', machine.name, '--log-format', 'json', 'sync', '--only-once'];
  const { code, stderr } = await runProduct(args, { wrapper: recordTo(file) });
  expect([code, stderr]).toEqual([0, expect.stringContaining('Stored snapshot')]);
  const trace = readTrace(file, folder, existing);
  rmSync(file);
  return { trace, disk: new Disk(trace, before), before, path, bucket };
}

/** Every pair of every DBI, shadows included, by the tool of LMDB itself: a process that a broken file may end. @throws when it cannot */
export function contentOf(data: Buffer, folder: string): string {
  const path = join(folder, 'state.mdb');
  rmSync(`${path}-lock`, { force: true });
  writeFileSync(path, data);
  const { status, stdout, stderr } = spawnSync('mdb_dump', ['-n', '-a', path], {
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
  });
  if (status !== 0) throw new Error(`mdb_dump: ${status} ${stderr}`);
  return stdout;
}

/** Writes of meta pages: each makes a commit of the pages that were written before it. */
export const metasOf = ({ trace, path }: Watched): Write[] =>
  trace.changes.filter(
    (change): change is Write =>
      change.type === 'write' && change.inode === trace.inodes.get(path) && change.offset < 8192,
  );

/** What is visible is whole, and what was reported stored is there. */
export function checkFolder({ trace, disk, bucket }: Watched, { moment, files }: CrashState): number {
  const whole = disk.wholeAt(trace.length).files;
  const visible = [...files].filter(([path]) => path.startsWith(`${bucket}/`) && !path.startsWith(`${bucket}/.`));
  for (const [path, data] of visible)
    expect(whole.get(path)?.equals(data), `${path} is whole at line ${moment}`).toBe(true);
  let reported = 0;
  for (const change of trace.changes) {
    if (change.type !== 'said' || change.begun >= moment) continue;
    for (const [, name] of change.text.matchAll(/"snapshot_name":"([^"]+)".*"Stored snapshot"/g)) {
      reported++;
      expect(files.has(join(bucket, name!)), `${name} was reported stored before line ${moment}`).toBe(true);
    }
  }
  return reported;
}
