import type { ChangedDbi, ChangeEvent } from './change-event.ts';

/**
 * Events that a consumer has not taken yet. Bounded: over `maxKeys` keys the waiting events of a database become one that says
 * "many" with its DBIs, so that a slow consumer costs memory for names of DBIs only, and never holds up the sync.
 */
export class PendingChanges {
  readonly #maxKeys: number;
  #events: ChangeEvent[] = [];
  #keys = 0;

  constructor(maxKeys: number) {
    this.#maxKeys = maxKeys;
  }

  get isEmpty(): boolean {
    return this.#events.length === 0;
  }

  get size(): number {
    return this.#events.length;
  }

  add(event: ChangeEvent): void {
    this.#events.push(event);
    this.#keys += keysOf(event);
    // An event without a key takes room, too.
    if (this.#keys + this.#events.length > this.#maxKeys) this.#collapse();
  }

  /** Everything that waits, oldest first. */
  take(): ChangeEvent[] {
    const events = this.#events;
    this.#events = [];
    this.#keys = 0;
    return events;
  }

  /** Gives back what could not be told, before what has come since. */
  giveBack(events: readonly ChangeEvent[]): void {
    const newer = this.take();
    for (const event of [...events, ...newer]) this.add(event);
  }

  #collapse(): void {
    const byDatabase = new Map<string, ChangeEvent>();
    for (const event of this.#events) {
      const before = byDatabase.get(event.db);
      byDatabase.set(event.db, before ? merged(before, event) : { ...event, dbis: many(event.dbis) });
    }
    this.#events = [...byDatabase.values()];
    this.#keys = 0;
  }
}

function keysOf({ dbis }: ChangeEvent): number {
  return dbis.reduce((sum, { keys }) => sum + (keys?.length ?? 0), 0);
}

function many(dbis: readonly ChangedDbi[]): ChangedDbi[] {
  return dbis.map(({ name }) => ({ name, keys: undefined }));
}

/** The later event, with the DBIs of both; from several origins it counts as the last one's. */
function merged(before: ChangeEvent, after: ChangeEvent): ChangeEvent {
  const names = new Set([...before.dbis, ...after.dbis].map(({ name }) => name));
  return { ...after, dbis: [...names].map((name) => ({ name, keys: undefined })) };
}
