import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { Environment, type WriteTransaction } from '../../../src/lmdb/index.ts';
import { silentLog } from '../../../src/log/index.ts';
import { ENTRY_DELETED, HeaderWriter, timeOf } from '../../../src/merge/index.ts';
import { Sweeper, type SweeperOptions, type SweepReport, sweepOften } from '../../../src/sync/sweep/index.ts';
import { temporaryFolder } from '../../support/temporary.ts';

export const NOW_MS = Date.parse('2026-01-30T10:00:00Z');
export const HOUR_NANO = 3_600_000_000_000n;
/** With a retention of two days. */
export const CUTOFF = BigInt(NOW_MS) * 1_000_000n - 48n * HOUR_NANO;
export const OLD = CUTOFF - 2n * HOUR_NANO;
export const SHADOW = '_sync_shadow_main';

export function openEnvironment(): Environment {
  const environment = Environment.open(join(temporaryFolder(), 'data.mdb'), {
    create: true,
    noSubdir: true,
    noSync: true,
    mapSizeBytes: 256 * 1024 * 1024,
  });
  onTestFinished(() => environment.close());
  return environment;
}

/** A stored value; without `value` a deletion mark. */
export function entry(timestampNano: bigint, value?: string): Buffer {
  const { hi, lo } = timeOf(timestampNano);
  const header = new HeaderWriter(1).set(hi, lo, value === undefined ? ENTRY_DELETED : 0);
  return Buffer.concat([header, Buffer.from(value ?? '')]);
}

export function key(index: number): Buffer {
  return Buffer.from(`key-${String(index).padStart(6, '0')}`);
}

export function fill(
  environment: Environment,
  dbiName: string,
  count: number,
  entryAt: (index: number) => Buffer,
  flags = 0,
): void {
  environment.write((transaction) => {
    const dbi = transaction.openOrCreateDbi(dbiName, flags);
    for (let index = 0; index < count; index++) transaction.put(dbi, key(index), entryAt(index));
  });
}

export function keysOf(environment: Environment, dbiName: string): string[] {
  return environment.read((transaction) => {
    const cursor = transaction.cursor(transaction.openDbi(dbiName)!);
    const keys: string[] = [];
    while (cursor.next()) keys.push(cursor.keyBuffer.toString('utf8', 0, cursor.keyEnd));
    return keys;
  });
}

/** A sweeper whose clock moves only by `tickMs` each time it is read, and whose sleeps take no time. */
export class Bench {
  readonly pauses: number[] = [];
  /** Time spent in each write transaction, by the sweeper's clock. */
  readonly heldMs: number[] = [];
  readonly lines: string[] = [];
  readonly reports: SweepReport[] = [];
  tickMs = 0;
  onPause: (ms: number) => void = () => {};
  beforeWrite: () => void = () => {};
  #elapsedMs = 0;
  readonly sweeper: Sweeper;
  readonly #options: SweeperOptions;

  constructor(environment: Environment, change: Partial<SweeperOptions> = {}) {
    const line = (level: string) => (message: string, fields?: object) => {
      this.lines.push(`${level} ${message} ${JSON.stringify(fields ?? {})}`);
    };
    this.#options = {
      read: async (body) => environment.read(body),
      mode: 'shadow',
      config: {
        enabled: true,
        retentionDays: 2,
        intervalMs: 6 * 3_600_000,
        firstIntervalMs: 600_000,
        lockDurationMs: 50,
        releaseDurationMs: 70,
        retentionLoadCutoffDurationMs: 0,
      },
      write: async <T>(body: (transaction: WriteTransaction) => T): Promise<T> => {
        this.beforeWrite();
        if (environment.openTransactions > 0) throw new Error('a transaction was left open when write began');
        return environment.write((transaction) => {
          const begunMs = this.#elapsedMs;
          const result = body(transaction);
          this.heldMs.push(this.#elapsedMs - begunMs);
          return result;
        });
      },
      log: { ...silentLog, info: line('info'), warn: line('warn'), error: line('error') },
      observer: { swept: (report) => void this.reports.push(report) },
      now: () => NOW_MS,
      monotonicMs: () => {
        this.#elapsedMs += this.tickMs;
        return this.#elapsedMs;
      },
      sleep: async (ms) => {
        this.pauses.push(ms);
        this.onPause(ms);
      },
      ...change,
    };
    this.sweeper = new Sweeper(this.#options);
  }

  /** Sweeps again and again, until aborted. */
  run(signal: AbortSignal): Promise<void> {
    const { config, sleep, log } = this.#options;
    return sweepOften({ config, sleep, log, sweep: (until) => this.sweeper.sweepOnce(until) }, signal);
  }

  sweep(): Promise<SweepReport> {
    return this.sweeper.sweepOnce(new AbortController().signal);
  }

  problems(): string[] {
    return this.lines.filter((line) => !line.startsWith('info'));
  }
}
