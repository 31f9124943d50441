import { readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { toldMarkerPath } from '../paths/index.ts';
import type { ChangeEvent } from '../sync/index.ts';

const PAUSE_MS = 1000;

/**
 * The last transaction that was told of a data file.
 * @returns undefined where nobody knows: no marker, one that cannot be read, or one of another file
 */
export function readMarker(dataPath: string): number | undefined {
  try {
    const { txnId, file } = JSON.parse(readFileSync(toldMarkerPath(dataPath), 'utf8')) as Record<string, unknown>;
    return Number.isSafeInteger(txnId) && file === identityOf(dataPath) ? (txnId as number) : undefined;
  } catch {
    return undefined;
  }
}

/** Moved into place, so that a kill leaves the old one or the new one. An older one only means that more is told again. */
export function writeMarker(dataPath: string, txnId: number): void {
  const temporary = `${toldMarkerPath(dataPath)}.new`;
  writeFileSync(temporary, `${JSON.stringify({ txnId, file: identityOf(dataPath) })}\n`);
  renameSync(temporary, toldMarkerPath(dataPath));
}

/** A file that was moved or copied into place is another one, whatever its transactions are called. */
function identityOf(dataPath: string): string {
  const { dev, ino } = statSync(dataPath, { bigint: true });
  return `${dev}:${ino}`;
}

export interface ToldMarkersOptions {
  /** By database: the data file. */
  readonly dataPaths: ReadonlyMap<string, string>;
  /** Who must have been told before a transaction counts as told. */
  readonly consumers: readonly { readonly name: string }[];
  readonly known: ReadonlyMap<string, number>;
  readonly timer: (ms: number, then: () => void) => { cancel(): void };
  /** Told once a database. */
  readonly onFailed: (db: string, error: unknown) => void;
}

/** Writes markers as consumers are told: lazily, for a transaction told twice is no harm. */
export class ToldMarkers {
  readonly #options: ToldMarkersOptions;
  /** By database and consumer. */
  readonly #told = new Map<string, Map<string, number>>();
  readonly #written = new Map<string, number>();
  readonly #failed = new Set<string>();
  #timer: { cancel(): void } | undefined;

  constructor(options: ToldMarkersOptions) {
    this.#options = options;
    for (const [db, txnId] of options.known) this.#written.set(db, txnId);
  }

  /** A consumer was told these, after all that came before them. */
  told(consumer: string, events: readonly ChangeEvent[]): void {
    for (const { db, txnId, origin } of events) {
      // What was there at the start is told before what was missed, with the same id.
      if (origin.kind === 'start') continue;
      const ofDb = this.#told.get(db) ?? new Map<string, number>();
      this.#told.set(db, ofDb.set(consumer, txnId));
    }
    this.#timer ??= this.#options.timer(PAUSE_MS, () => this.flush());
  }

  flush(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    const { consumers, dataPaths, onFailed } = this.#options;
    for (const [db, ofDb] of this.#told) {
      const txnIds = consumers.map(({ name }) => ofDb.get(name));
      const dataPath = dataPaths.get(db);
      if (dataPath === undefined || txnIds.includes(undefined)) continue;
      const txnId = Math.min(...(txnIds as number[]));
      if (this.#written.get(db) === txnId) continue;
      try {
        writeMarker(dataPath, txnId);
        this.#written.set(db, txnId);
      } catch (error) {
        if (!this.#failed.has(db)) onFailed(db, error);
        this.#failed.add(db);
      }
    }
  }
}
