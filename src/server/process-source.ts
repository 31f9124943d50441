import type { Config } from '../config/index.ts';
import type { DeliveryOutcome } from '../events/index.ts';
import type { Log } from '../log/index.ts';
import { createStorage, type ObjectStorage, type StorageObserver, withoutCreating } from '../storage/index.ts';
import type { ChangeEvent, SyncEvent } from '../sync/index.ts';
import type { StatusSource } from './model.ts';

export interface ProcessSourceOptions {
  readonly config: Config;
  /** The databases that are kept in step. */
  readonly databases: readonly string[];
  readonly log: Log;
  /** See `StatusSource.lockWaitingSinceMs`. */
  readonly lockWaitingSinceMs: (db: string) => number | undefined;
  /** See `StatusSource.listNow`. */
  readonly listNow: (db: string) => void;
  /** See `StatusSource.subscribeChanges`. */
  readonly subscribeChanges: StatusSource['subscribeChanges'];
  /** See `StatusSource.eventsWaiting`; undefined: no consumer is configured. */
  readonly eventsWaiting: () => ReadonlyMap<string, number> | undefined;
  /** Tests give their own. */
  readonly openStorage?: () => Promise<ObjectStorage>;
}

/** What this process knows: the events that its workers post, and the bucket, opened when somebody first asks for its listing. */
export class ProcessSource implements StatusSource {
  readonly databases: readonly string[];
  readonly #options: ProcessSourceOptions;
  readonly #listeners = new Set<(event: SyncEvent) => void>();
  readonly #outcomeListeners = new Set<(outcome: DeliveryOutcome) => void>();
  readonly #closed = new AbortController();
  #storage: Promise<ObjectStorage> | undefined;

  constructor(options: ProcessSourceOptions) {
    this.databases = options.databases;
    this.#options = options;
  }

  post(event: SyncEvent): void {
    for (const listener of this.#listeners) listener(event);
  }

  subscribe(listener: (event: SyncEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  postOutcome(outcome: DeliveryOutcome): void {
    for (const listener of this.#outcomeListeners) listener(outcome);
  }

  subscribeOutcomes(listener: (outcome: DeliveryOutcome) => void): () => void {
    this.#outcomeListeners.add(listener);
    return () => this.#outcomeListeners.delete(listener);
  }

  subscribeChanges(listener: (event: ChangeEvent) => void): () => void {
    return this.#options.subscribeChanges(listener);
  }

  eventsWaiting(): ReadonlyMap<string, number> {
    return this.#options.eventsWaiting() ?? new Map();
  }

  lockWaitingSinceMs(db: string): number | undefined {
    return this.#options.lockWaitingSinceMs(db);
  }

  listNow(db: string): void {
    this.#options.listNow(db);
  }

  async *listObjects(signal: AbortSignal): AsyncIterable<{ readonly name: string; readonly sizeBytes: number }> {
    const storage = await this.#open();
    for await (const { name, sizeBytes } of storage.list('', { signal })) yield { name, sizeBytes };
  }

  /** Closes the connection to the bucket. */
  async close(): Promise<void> {
    this.#closed.abort();
    const storage = await this.#storage?.catch(() => undefined);
    await storage?.close();
  }

  /** Our own listings are paid for as those of the databases are. */
  readonly #observer: StorageObserver = {
    call: (method, outcome, durationMs, bytes) => {
      const { type: storage } = this.#options.config.storage;
      const [db] = this.databases;
      if (db === undefined || (storage !== 's3' && storage !== 'azure')) return;
      const errorLabel = outcome.ok ? undefined : outcome.errorLabel;
      this.post({ type: 'storageCall', storage, method, errorLabel, durationMs, bytes, db, atMs: Date.now() });
    },
  };

  #open(): Promise<ObjectStorage> {
    const { config, log, openStorage } = this.#options;
    const signal = this.#closed.signal;
    const open =
      openStorage ?? (() => createStorage(withoutCreating(config.storage), { log, signal, observer: this.#observer }));
    const opened = this.#storage ?? open();
    this.#storage = opened;
    // A bucket that could not be opened is opened anew by the next question.
    opened.catch(() => {
      if (this.#storage === opened) this.#storage = undefined;
    });
    return opened;
  }
}
