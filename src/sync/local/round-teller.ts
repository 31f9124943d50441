import { assertSchemaUnchanged, schemaVersionIn } from '../../powerdns/index.ts';
import {
  assertSupported,
  type DatabaseView,
  detachedDbis,
  isPrivate,
  type Schema,
  type WritePlan,
} from '../../shadow/index.ts';
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

  /**
   * Before anything of a view is recorded. Objects that were refused for their schema are looked at again when the application has
   * followed.
   * @returns whether PowerDNS has changed its schema since the last look, so that peers need all of it again
   * @throws what cannot be kept in step
   */
  look(view: DatabaseView): boolean {
    const schema = this.#schema;
    assertSupported(view, schema);
    if (!schema.native) {
      if (!schema.acceptSchemaChange) assertSchemaUnchanged(view);
      return false;
    }
    const version = schemaVersionIn(view);
    const before = this.#schemaVersion;
    if (version === undefined || version === before) return false;
    this.#schemaVersion = version;
    this.#report({ type: 'schemaVersion', version });
    return before !== undefined;
  }
}

export function holdsNothing(view: DatabaseView): boolean {
  return [...view.dbis.values()].every(({ name, entries }) => isPrivate(name) || entries === 0);
}
