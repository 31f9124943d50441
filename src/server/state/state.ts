import type { SyncEvent } from '../../sync/index.ts';
import { type HealthReport, healthStatus } from '../health/index.ts';
import { databaseAnswer, isoTime } from './database-answer.ts';
import { DatabaseState } from './database-state.ts';
import type { ApiStatus } from './status-schema.ts';

export interface StateOptions {
  readonly databases: readonly string[];
  readonly version: string;
  readonly instance: string;
  /** The same as it stands in the names of objects. */
  readonly instanceId: string;
  readonly hostname: string;
  /** Type of the bucket. */
  readonly storage: string;
  /** ms since 1970 UTC. */
  readonly startedMs: number;
  readonly lockWaitingSinceMs: (db: string) => number | undefined;
}

/** Events of all databases, reduced to what the status page and `/api/status` show. */
export class State {
  readonly #options: StateOptions;
  readonly #databases: ReadonlyMap<string, DatabaseState>;

  constructor(options: StateOptions) {
    this.#options = options;
    this.#databases = new Map(options.databases.map((name) => [name, new DatabaseState(options.instanceId)]));
  }

  apply(event: SyncEvent): void {
    this.#databases.get(event.db)?.apply(event);
  }

  status(report: HealthReport, nowMs: number): ApiStatus {
    const { version, instance, hostname, storage, startedMs, lockWaitingSinceMs } = this.#options;
    const { failures, warnings } = report;
    return {
      version,
      instance,
      hostname,
      storage,
      startedAt: isoTime(startedMs),
      time: isoTime(nowMs),
      health: { status: healthStatus(report), failures: { ...failures }, warnings: { ...warnings } },
      databases: [...this.#databases].map(([name, state]) =>
        databaseAnswer(name, state, lockWaitingSinceMs(name), nowMs),
      ),
    };
  }
}
