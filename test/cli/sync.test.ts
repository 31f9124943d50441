import { EventEmitter } from 'node:events';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { STOP_GUARD_MS } from '../../src/cli/stop.ts';
import { LmdbstreamError } from '../../src/errors/index.ts';
import { StorageError } from '../../src/storage/index.ts';
import type { RunOptions } from '../../src/sync/index.ts';
import { type Overrides, Workplace } from './harness.ts';

type RunSync = NonNullable<Overrides['runSync']>;

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));

let place: Workplace;
beforeEach(() => {
  place = new Workplace(['main', 'other']);
});
afterEach(() => {
  vi.useRealTimers();
  place.remove();
});

/** What `runSync` was called with by this command line. */
async function optionsOf(argv: readonly string[], config = place): Promise<RunOptions & { stderr: string }> {
  const calls: RunOptions[] = [];
  const { code, stderr } = await config.run(argv, {
    runSync: async (options) => {
      calls.push(options);
      return 'done';
    },
  });
  expect({ code, calls: calls.length }).toEqual({ code: 0, calls: 1 });
  return { ...calls[0]!, stderr };
}

describe('sync and receive', () => {
  it('run with the configuration as it is', async () => {
    for (const mode of ['sync', 'receive'] as const) {
      const options = await optionsOf([mode, 'surplus']);
      expect(options).toMatchObject({ mode, onlyDatabases: [] });
      expect(options.config).toMatchObject({ instance: 'here', onlyOnce: false, acceptStale: false });
      expect(options.waitForMarkerFile).toBeUndefined();
      expect(options.version).toMatch(/^\d+\.\d+\.\d+/);
    }
  });

  it('pass their flags on', async () => {
    for (const mode of ['sync', 'receive']) {
      const options = await optionsOf([
        mode,
        '--only-once',
        '--accept-stale',
        '--wait-for-marker-file',
        'go',
        '-i',
        'me',
      ]);
      expect(options.config).toMatchObject({ instance: 'me', onlyOnce: true, acceptStale: true });
      expect(options.waitForMarkerFile).toBe('go');
    }
    expect((await optionsOf(['sync', '--only-db', 'main', '--only-db', 'other'])).onlyDatabases).toEqual([
      'main',
      'other',
    ]);
  });

  it('refuse a database that is not configured', async () => {
    const outcome = await place.run(['sync', '--only-db', 'main', '--only-db', 'third']);
    expect(outcome).toMatchObject({
      code: 2,
      stderr: 'Error: no database "third" is configured\nHint: configured: main, other\n',
    });
  });

  it('have no --only-db when receiving', async () => {
    expect(await place.run(['receive', '--only-db', 'main'])).toMatchObject({ code: 2 });
  });

  it('log the warnings of the configuration', async () => {
    const old = new Workplace();
    try {
      const config = old.file(
        'old.yaml',
        `lmdbs: { main: { path: ${old.lmdbPath('main')} } }\nstorage: { type: fs, root_path: ${old.bucket} }\n`,
      );
      expect((await optionsOf(['-c', config, 'sync'], old)).stderr).toMatch(/level=warning.*root_path/);
    } finally {
      old.remove();
    }
  });

  it('tell each database that failed, once', async () => {
    const failed = (database: string, others: LmdbstreamError[] = []): LmdbstreamError =>
      new LmdbstreamError('NO_SUCH_FILE', 'not there', { database, others, hint: 'look' });
    const runSync = async (): Promise<never> => {
      throw failed('main', [failed('other')]);
    };
    // In the log, where alerts look for it.
    const { code, stderr } = await place.run(['sync'], { runSync });
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /^time=.* level=error .*not there.* db=main hint=look\ntime=.* level=error .* db=other hint=look\n$/,
    );
    const lines = (await place.run(['sync', '--log-format', 'json'], { runSync })).stderr.trim().split('\n');
    expect(lines.map((line) => JSON.parse(line) as object)).toMatchObject([{ db: 'main' }, { db: 'other' }]);
  });

  it('fail with the error and its hint', async () => {
    const outcome = await place.run(['sync'], {
      runSync: async () => {
        throw new StorageError('no right to list', { operation: 'list', denied: true, hint: 'grant it' });
      },
    });
    expect(outcome).toMatchObject({ code: 1, stdout: '', stderr: 'Error: no right to list\nHint: grant it\n' });
  });
});

describe('signals', () => {
  const untilAborted: RunSync = async ({ signal }) => {
    await aborted(signal);
    return 'stopped';
  };

  async function signalled(names: readonly string[], runSync: RunSync) {
    const signals = new EventEmitter();
    const outcome = await place.run(['sync'], {
      signals,
      runSync: async (options) => {
        const running = runSync(options);
        for (const name of names) signals.emit(name);
        return running;
      },
    });
    return { ...outcome, listeners: signals.eventNames() };
  }

  it.each(['SIGTERM', 'SIGINT', 'SIGHUP'])('%s ends with a clean stop and exit code 0', async (name) => {
    const outcome = await signalled([name], untilAborted);
    expect(outcome).toMatchObject({ code: 0, exits: [], listeners: [] });
    expect(outcome.stderr).toContain('stopped as requested');
  });

  it('take a rejection with the reason for a clean stop', async () => {
    const outcome = await signalled(['SIGTERM'], async ({ signal }) => {
      await aborted(signal);
      throw signal.reason;
    });
    expect(outcome).toMatchObject({ code: 0, exits: [] });
  });

  it('leave a failure during the stop one', async () => {
    const outcome = await signalled(['SIGTERM'], async ({ signal }) => {
      await aborted(signal);
      throw new StorageError('upload failed', { operation: 'store' });
    });
    expect(outcome).toMatchObject({ code: 1 });
    expect(outcome.stderr).toContain('Error: upload failed');
  });

  it.each([
    [['SIGINT', 'SIGINT'], 130],
    [['SIGINT', 'SIGTERM'], 143],
    [['SIGTERM', 'SIGHUP'], 129],
  ])('%j end at once', async (names, exitCode) => {
    expect((await signalled(names, untilAborted)).exits).toEqual([exitCode]);
  });

  it('end the process when a thread cannot be ended, after all is written', async () => {
    const outcome = await signalled(['SIGTERM'], async ({ signal, onBlocked }) => {
      await aborted(signal);
      onBlocked?.();
      return 'stopped';
    });
    expect(outcome).toMatchObject({ code: 0, exits: [0] });
    expect(outcome.stderr).toContain('stopped as requested');
  });

  it('are left to the system by other commands', async () => {
    const signals = new EventEmitter();
    const added: unknown[] = [];
    signals.on('newListener', (name) => added.push(name));
    await place.run(['snapshots', 'list'], { signals });
    expect(added).toEqual([]);
  });
});

describe('--timeout', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  });

  it('stops cleanly with exit code 75', async () => {
    const runSync: RunSync = async ({ signal }) => {
      const stopped = aborted(signal);
      vi.advanceTimersByTime(89_999);
      expect(signal.aborted).toBe(false);
      vi.advanceTimersByTime(1);
      expect(signal.aborted).toBe(true);
      await stopped;
      return 'stopped';
    };
    const outcome = await place.run(['sync', '--timeout', '1m30s'], { runSync });
    expect(outcome).toMatchObject({ code: 75, exits: [] });
    expect(outcome.stderr).toContain('Error: stopped after 1m30s, because of --timeout\n');
    expect(vi.getTimerCount()).toBe(0);
  });

  it('ends at once when the clean stop takes longer than the guard', async () => {
    const runSync: RunSync = () => {
      vi.advanceTimersByTime(1000 + STOP_GUARD_MS - 1);
      vi.advanceTimersByTime(1);
      return new Promise(() => {});
    };
    expect(await place.run(['sync', '--timeout', '1s'], { runSync })).toMatchObject({ code: 75, exits: [75] });
  });

  it('leaves a command alone that is done in time', async () => {
    const outcome = await place.run(['sync', '--timeout', '1s'], { runSync: async () => 'done' });
    expect(outcome).toMatchObject({ code: 0, exits: [] });
    expect(vi.getTimerCount()).toBe(0);
  });

  it('may be longer than a timer can be', async () => {
    const runSync: RunSync = async ({ signal }) => {
      vi.advanceTimersByTime(2 ** 31);
      expect(signal.aborted).toBe(false);
      vi.advanceTimersByTime(1000 * 3_600_000 - 2 ** 31);
      expect(signal.aborted).toBe(true);
      return 'stopped';
    };
    expect(await place.run(['sync', '--timeout', '1000h'], { runSync })).toMatchObject({ code: 75 });
  });
});
