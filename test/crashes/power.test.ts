import { createHash } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { fsPlace } from '../e2e/buckets-machine.ts';
import { randomOf } from '../support/random.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { CrashMachine } from './crash-machine.ts';
import { type CrashState, Disk } from './power-disk.ts';
import { canTrace, checkFolder, contentOf, metasOf, type Watched, type Write, watchOnce } from './power-watch.ts';
import { type Run, scenario, sized } from './scenario.ts';

/** A commit's pages are durable before its meta page is written, and that is when the commit has returned: as without any flag. */
function assertDurableCommits(watched: Watched): void {
  const { trace, disk, path } = watched;
  const metas = metasOf(watched);
  expect(metas.length).toBeGreaterThan(0);
  for (const meta of metas) {
    const pages = trace.changes.filter(
      (one) => one.type === 'write' && one.inode === trace.inodes.get(path) && one.begun < meta.begun,
    );
    expect(pages.length).toBeGreaterThan(0);
    expect(pages.filter((page) => !disk.isDurable(page, meta.begun))).toEqual([]);
    expect(disk.isDurable(meta, meta.done + 1)).toBe(true);
  }
}

/** The LMDB opens, and has what the last commit that had returned made, or the one after it. */
class LmdbStates {
  readonly #watched: Watched;
  readonly #metas: readonly Write[];
  readonly #scratch: string;
  readonly #commits = new Map<number, string>();
  /** By the bytes of the file: many moments leave the same. */
  readonly #contents = new Map<string, string>();

  constructor(watched: Watched, scratch: string) {
    this.#watched = watched;
    this.#metas = metasOf(watched);
    this.#scratch = scratch;
  }

  check({ moment, files }: CrashState): void {
    const least = this.#metas.filter(({ done }) => done < moment).length;
    const most = this.#metas.filter(({ begun }) => begun < moment).length;
    const content = this.#contentOf(files.get(this.#watched.path)!);
    const allowed = Array.from({ length: most - least + 1 }, (_, index) => this.#commit(least + index));
    expect(allowed.includes(content), `the LMDB at line ${moment}, between commits ${least} and ${most}`).toBe(true);
  }

  #commit(number: number): string {
    const known = this.#commits.get(number);
    if (known !== undefined) return known;
    const { disk, path } = this.#watched;
    const moment = number === 0 ? 0 : this.#metas[number - 1]!.begun + 1;
    const content = this.#contentOf(disk.wholeAt(moment).files.get(path)!);
    this.#commits.set(number, content);
    return content;
  }

  #contentOf(data: Buffer): string {
    const hash = createHash('sha256').update(data).digest('hex');
    const content = this.#contents.get(hash) ?? contentOf(data, this.#scratch);
    this.#contents.set(hash, content);
    return content;
  }

  get different(): number {
    return this.#contents.size;
  }
}

async function powerFails(run: Run, states: number): Promise<void> {
  const folder = temporaryFolder();
  const scratch = temporaryFolder();
  const bucket = join(folder, 'not', 'there', 'bucket');
  const machine = await CrashMachine.create(folder, 'a', { place: fsPlace(bucket), more: { lmdb_lock_max: '1ms' } });
  const counts = { commits: 0, stores: 0, different: 0 };
  for (let round = 0; round < 3; round++) {
    const watched = await watchOnce(machine, folder, bucket, round);
    assertDurableCommits(watched);
    const lmdb = new LmdbStates(watched, scratch);
    const { trace, disk } = watched;
    // Where something happened, and right after it: nothing else makes a difference.
    const moments = [...new Set(trace.changes.flatMap(({ begun, done }) => [begun + 1, done + 1]))].sort(
      (a, b) => a - b,
    );
    // Read whole, so that a fault of the model shows: at the end all is as it is.
    lmdb.check(disk.wholeAt(trace.length));
    for (let state = 0; state < states; state++) {
      const moment = moments[Math.floor(run.random() * moments.length)]!;
      const crashed = disk.stateAt(moment, run.random);
      lmdb.check(crashed);
      checkFolder(watched, crashed);
      run.round();
    }
    counts.commits += metasOf(watched).length;
    counts.stores += checkFolder(watched, disk.wholeAt(trace.length));
    counts.different += lmdb.different;
    mkdirSync(bucket, { recursive: true });
  }
  run.figure('commits', counts.commits);
  run.figure('stores', counts.stores);
  run.figure('different files', counts.different);
  expect(counts.stores).toBeGreaterThan(2);
}

describe.skipIf(!canTrace)('a power failure', () => {
  scenario(
    'that loses or keeps each part of what no fsync covers: every LMDB opens as it was committed, every object is whole',
    (run) => powerFails(run, sized(300, 5_000)),
    180_000,
  );

  it('would be noticed: without the fsyncs the same states are wrong', async () => {
    const folder = temporaryFolder();
    const scratch = temporaryFolder();
    const bucket = join(folder, 'bucket');
    const machine = await CrashMachine.create(folder, 'a', { place: fsPlace(bucket) });
    const watched = await watchOnce(machine, folder, bucket, 0);
    const { trace, path } = watched;
    const changes = trace.changes
      .filter(({ type }) => type !== 'sync' && type !== 'syncFolder')
      .map((change) => (change.type === 'write' ? { ...change, isDurable: false } : change));
    const careless = { ...trace, changes };
    const before = new Map([[path, watched.disk.wholeAt(0).files.get(path)!]]);
    const unsafe: Watched = { ...watched, trace: careless, disk: new Disk(careless, before) };
    const wrong = { lmdb: 0, folder: 0 };
    const random = randomOf(1);
    const lmdb = new LmdbStates(unsafe, scratch);
    for (let state = 0; state < 60; state++) {
      const crashed = unsafe.disk.stateAt(trace.length, random);
      wrong.lmdb += isWrong(() => lmdb.check(crashed));
      wrong.folder += isWrong(() => void checkFolder(unsafe, crashed));
    }
    expect(wrong.lmdb).toBeGreaterThan(10);
    expect(wrong.folder).toBeGreaterThan(10);
  }, 120_000);
});

function isWrong(check: () => void): number {
  try {
    check();
    return 0;
  } catch {
    return 1;
  }
}
