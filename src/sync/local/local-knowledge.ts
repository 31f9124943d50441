import type { Environment } from '../../lmdb/index.ts';
import { commitTime, timeOf } from '../../merge/index.ts';
import {
  isPrivate,
  type LocalScope,
  PendingKeys,
  type Schema,
  SHADOW_PREFIX,
  type Snapshotted,
} from '../../shadow/index.ts';
import type { Clock } from '../time/clock.ts';

/** What is known of the application's side beside the pages themselves: times, kinds of DBIs, and what is still to be recorded. */
export class LocalKnowledge {
  readonly pending = new PendingKeys();
  readonly #environment: Environment;
  readonly #clock: Clock;
  readonly #schema: Schema;
  readonly #knownFlags = new Map<string, number>();
  #isFirstMigration: boolean;

  /** @param start what is there when we start */
  constructor(environment: Environment, clock: Clock, schema: Schema, start: Snapshotted) {
    this.#environment = environment;
    this.#clock = clock;
    this.#schema = schema;
    this.#isFirstMigration = ![...start.view.dbis.keys()].some((name) => name.startsWith(SHADOW_PREFIX));
  }

  /** Flags of DBIs as last seen, also of those that were dropped since. */
  get knownFlags(): ReadonlyMap<string, number> {
    return this.#knownFlags;
  }

  /** Remembers the kind of a DBI that is missing here, as a snapshot tells it. */
  learnFlags(dbiName: string, flags: number): void {
    if (!this.#knownFlags.has(dbiName)) this.#knownFlags.set(dbiName, flags);
  }

  rememberFlags({ view }: Snapshotted): void {
    for (const dbi of view.dbis.values()) if (!isPrivate(dbi.name)) this.#knownFlags.set(dbi.name, dbi.flags);
  }

  /**
   * How changes are to be looked at. To be asked for after the transaction was begun in which they are: the file's mtime is
   * then that of its commit or a later one, never an earlier one's (decision 5).
   */
  scope(): LocalScope {
    return {
      schema: this.#schema,
      times: {
        commit: timeOf(commitTime(this.#environment.mtimeNano(), this.#clock.nowNano())),
        isFirstMigration: this.#isFirstMigration && !this.#schema.native,
      },
      knownFlags: this.#knownFlags,
      pending: this.pending.isEmpty ? undefined : this.pending,
    };
  }

  /** Everything noticed so far is recorded. */
  settled(): void {
    this.pending.clear();
    this.#isFirstMigration = false;
  }
}

/** Nobody but us writes shadows; where somebody did (drop-shadow, another syncer), nothing known of them holds. */
export function sameShadows(base: Snapshotted, under: Snapshotted): boolean {
  for (const name of new Set([...base.view.dbis.keys(), ...under.view.dbis.keys()])) {
    if (!name.startsWith(SHADOW_PREFIX)) continue;
    if (base.view.dbis.get(name)?.tree?.root !== under.view.dbis.get(name)?.tree?.root) return false;
  }
  return true;
}
