import { appendFileSync, copyFileSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { LmdbConfig } from '../../../src/config/index.ts';
import { Environment, MissingFileError } from '../../../src/lmdb/index.ts';
import { DataFileReplacedError } from '../../../src/sync/local/same-file.ts';
import { runReopening } from '../../../src/sync/process/reopening.ts';
import { waitForDataFile } from '../../../src/sync/process/wait-for-file.ts';
import type { SyncEventBody } from '../../../src/sync/status/index.ts';
import { LogicalClock } from '../../support/fleet/logical-clock.ts';
import { temporaryFolder } from '../../support/temporary.ts';

const lmdb = { name: 'main', path: '/db', options: { create: true } } as unknown as LmdbConfig;
const missing = () => new MissingFileError('NO_SUCH_FILE', 'open /db', 2, 'No such file');
const replaced = () => new DataFileReplacedError('/db/data.mdb', 'replaced');

/** Runs that end as said, one after the other. @returns what was asked for */
async function reopen(outcomes: (Error | 'ends')[], { onlyOnce = false, isThere = true } = {}) {
  const log: string[] = [];
  const run = async ({ options }: LmdbConfig): Promise<void> => {
    log.push(options.create ? 'run, may create' : 'run');
    const outcome = outcomes.shift();
    if (outcome instanceof Error) throw outcome;
  };
  const wait = async (path: string): Promise<boolean> => {
    log.push(`wait for ${path}`);
    return isThere;
  };
  const ended = await runReopening({ lmdb, onlyOnce, run, wait }, new AbortController().signal).catch((e: Error) => e);
  return { log, ended };
}

describe('a database whose data file is replaced', () => {
  it('is started again with what is there, which is not made here', async () => {
    const { log, ended } = await reopen([replaced(), replaced(), 'ends']);
    expect(log).toEqual(['run, may create', 'wait for /db/data.mdb', 'run', 'wait for /db/data.mdb', 'run']);
    expect(ended).toBeUndefined();
  });

  it('is waited for again when it is gone by then', async () => {
    const { log } = await reopen([replaced(), missing(), 'ends']);
    expect(log).toEqual(['run, may create', 'wait for /db/data.mdb', 'run', 'wait for /db/data.mdb', 'run']);
  });

  it('ends with any other error, with a file that is missing at start, and after a single pass', async () => {
    const other = new Error('another one');
    expect(await reopen([replaced(), other])).toMatchObject({ ended: other });
    expect((await reopen([missing()])).ended).toBeInstanceOf(MissingFileError);
    expect((await reopen([replaced()], { onlyOnce: true })).ended).toBeInstanceOf(DataFileReplacedError);
  });

  it('ends when it is stopped while there is none', async () => {
    expect(await reopen([replaced()], { isThere: false })).toMatchObject({ ended: undefined });
  });
});

describe('waiting for a data file', () => {
  /** Each pause does the next of these; the wait is aborted after the last. */
  async function waits(path: string, ...steps: (() => void)[]) {
    const stop = new AbortController();
    const events: SyncEventBody[] = [];
    const clock = new LogicalClock();
    let pauses = 0;
    clock.sleep = async () => {
      const next = steps[pauses++];
      if (next) next();
      else stop.abort();
    };
    const options = { path, pollMs: 1, clock, report: (event: SyncEventBody) => void events.push(event) };
    return { isThere: await waitForDataFile(options, stop.signal), pauses, events };
  }

  function database(): { path: string; bytes: Buffer } {
    const path = join(temporaryFolder(), 'made.mdb');
    const environment = Environment.open(path, { noSubdir: true, create: true, noSync: true });
    environment.write((txn) => void txn.put(txn.openOrCreateDbi('d', 0), Buffer.from('k'), Buffer.alloc(100_000)));
    environment.close();
    return { path, bytes: readFileSync(path) };
  }

  it('a whole one is not waited for', async () => {
    expect(await waits(database().path)).toMatchObject({ isThere: true, pauses: 0, events: [] });
  });

  it('none, an empty one, and one that is still being copied are', async () => {
    const { path: source, bytes } = database();
    const path = join(temporaryFolder(), 'data.mdb');
    const outcome = await waits(
      path,
      () => writeFileSync(path, ''),
      () => {},
      () => writeFileSync(path, bytes.subarray(0, 9000)),
      () => appendFileSync(path, bytes.subarray(9000, 50_000)),
      () => copyFileSync(source, path),
    );
    expect(outcome).toMatchObject({ isThere: true, pauses: 5 });
    // Told at the first, second and fourth look.
    expect(outcome.events.filter((event) => 'tell' in event && event.tell)).toHaveLength(3);
  });

  it('one that no longer grows is as whole as it gets, and one of another format for its opener to judge', async () => {
    const { path, bytes } = database();
    truncateSync(path, bytes.length - 4096);
    expect(await waits(path, () => {})).toMatchObject({ isThere: true, pauses: 1 });
    writeFileSync(path, 'no LMDB at all');
    expect(await waits(path, () => {})).toMatchObject({ isThere: true, pauses: 1 });
  });

  it('until stopped', async () => {
    expect(await waits(join(temporaryFolder(), 'none'), () => {})).toMatchObject({ isThere: false, pauses: 2 });
  });
});
