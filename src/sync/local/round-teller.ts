import { type DatabaseView, detachedDbis, isPrivate, type Schema, type WritePlan } from '../../shadow/index.ts';
import type { Report } from '../status/index.ts';

/** Deletions of more than half of a DBI that has more entries than this are told: the operator is the only brake there is. */
const MASS_ENTRIES = 1000;

/** Tells what an operator should know of a round, when it has changed. */
export class RoundTeller {
  readonly #report: Report;
  readonly #schema: Schema;
  #detached: readonly string[] = [];
  #schemaVersion: number | undefined;

  constructor(report: Report, schema: Schema) {
    this.#report = report;
    this.#schema = schema;
  }

  round({ deletions }: WritePlan, view: DatabaseView): void {
    for (const [dbi, deleted] of deletions) {
      const entries = (view.dbis.get(dbi)?.entries ?? 0) + deleted;
      const isMass = entries > MASS_ENTRIES && deleted * 2 > entries;
      if (isMass) this.#report({ type: 'massDeletion', dbi, deleted, entries });
    }
    const dbis = detachedDbis(view, this.#schema);
    if (dbis.join('\0') === this.#detached.join('\0')) return;
    this.#detached = dbis;
    this.#report({ type: 'detached', dbis });
  }

  /** Objects that were refused for their schema are looked at again when the application has followed. */
  schemaVersion(version: number | undefined): void {
    if (version === this.#schemaVersion) return;
    this.#schemaVersion = version;
    if (version !== undefined) this.#report({ type: 'schemaVersion', version });
  }
}

export function holdsNothing(view: DatabaseView): boolean {
  return [...view.dbis.values()].every(({ name, entries }) => isPrivate(name) || entries === 0);
}
