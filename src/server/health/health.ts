import type { HealthConfig } from '../../config/index.ts';
import type { SyncEvent } from '../../sync/index.ts';
import { type FailingSince, failed, judgeFailing, judgeStart, type Verdict } from './tracker.ts';

type Activity = 'list' | 'load' | 'store';

/** The words and the configuration of the three trackers of a database; names and texts are those of Lightning Stream. */
const ACTIVITIES = {
  list: { words: 'list snapshots on storage backend', times: 'storageList' },
  load: { words: 'load a snapshot from storage backend', times: 'storageLoad' },
  store: { words: 'write to storage backend', times: 'storageStore' },
} as const satisfies Record<Activity, { readonly words: string; readonly times: keyof HealthConfig }>;

interface DatabaseHealth {
  readonly failing: Record<Activity, FailingSince | undefined>;
  /** undefined: it has succeeded. */
  startingSinceMs: number | undefined;
}

export interface HealthReport {
  /** By name of the check, in the order of the databases. */
  readonly failures: Readonly<Record<string, string>>;
  readonly warnings: Readonly<Record<string, string>>;
  /** `startup_DB: true` of each database that has finished its start. */
  readonly startup: Readonly<Record<string, boolean>>;
}

/** Lightning Stream's word for all of it. */
export function healthStatus({ failures, warnings }: HealthReport): 'OK' | 'Warning' | 'Unavailable' {
  if (Object.keys(failures).length > 0) return 'Unavailable';
  return Object.keys(warnings).length > 0 ? 'Warning' : 'OK';
}

/** Events, reduced to the state of every tracker. Judged when asked, with the time of the question. */
export class Health {
  readonly #config: HealthConfig;
  readonly #databases = new Map<string, DatabaseHealth>();

  constructor(config: HealthConfig, databases: readonly string[], startedMs: number) {
    this.#config = config;
    for (const name of databases) {
      const failing = { list: undefined, load: undefined, store: undefined };
      this.#databases.set(name, { failing, startingSinceMs: startedMs });
    }
  }

  apply(event: SyncEvent): void {
    const health = this.#databases.get(event.db);
    if (health === undefined) return;
    const { failing } = health;
    switch (event.type) {
      case 'phase':
        if (event.phase === 'running') health.startingSinceMs = undefined;
        return;
      // There is nothing to start yet, and nothing wrong.
      case 'waitingForFile':
        health.startingSinceMs = undefined;
        return;
      case 'listed':
        failing.list = undefined;
        return;
      case 'listFailed':
        failing.list = failed(failing.list, event.atMs, event.error.message);
        return;
      // A refused object has been loaded: the bucket works, whoever wrote the object does not.
      case 'loaded':
      case 'refused':
        failing.load = undefined;
        return;
      case 'loadFailed':
        failing.load = failed(failing.load, event.atMs, event.error.message);
        return;
      case 'stored':
        failing.store = undefined;
        return;
      case 'storeFailed':
        failing.store = failed(failing.store, event.atMs, event.error.message);
        return;
    }
  }

  report(nowMs: number): HealthReport {
    const failures: Record<string, string> = {};
    const warnings: Record<string, string> = {};
    const startup: Record<string, boolean> = {};
    const add = (name: string, verdict: Verdict): void => {
      if (verdict.level === 'ok') return;
      (verdict.level === 'failure' ? failures : warnings)[name] = verdict.text;
    };
    const { start } = this.#config;
    for (const [db, { failing, startingSinceMs }] of this.#databases) {
      for (const activity of ['list', 'load', 'store'] as const) {
        const { words, times } = ACTIVITIES[activity];
        const verdict = judgeFailing(failing[activity], words, this.#config[times], nowMs);
        add(`${db}_storage_${activity}_failed_duration`, verdict);
      }
      if (start.reportHealthz) add(`${db}_startup_in_progress`, judgeStart(startingSinceMs, start, nowMs));
      if (start.reportMetadata && startingSinceMs === undefined) startup[`startup_${db}`] = true;
    }
    return { failures, warnings, startup };
  }
}
