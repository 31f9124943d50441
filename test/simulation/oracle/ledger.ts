import { beats, type Entry, show, showId } from './entry.ts';

/** Where a version was made. */
export interface Origin {
  readonly owner: string;
  /** How often the owner's LMDB had been restored by then. */
  readonly epoch: number;
  /** Of the transaction that recorded it. */
  readonly txnId: number;
}

/** Every version of every key that an application of the fleet has made, and who: the last writer of all wins. */
export class Ledger {
  readonly best = new Map<string, Entry>();
  readonly #deletions = new Map<string, readonly Entry[]>();
  readonly #origins = new Map<string, Origin>();
  readonly #values = new Map<string, readonly string[]>();

  add(id: string, entry: Entry, origin: Origin): void {
    this.#origins.set(versionOf(id, entry), origin);
    if (!entry.deleted) this.#values.set(id, [...this.valuesOf(id), entry.value]);
    const best = this.best.get(id);
    if (!best || beats(entry, best)) this.best.set(id, entry);
    if (entry.deleted) this.#deletions.set(id, [...(this.#deletions.get(id) ?? []), entry]);
  }

  knows(id: string, entry: Entry): boolean {
    return this.#origins.has(versionOf(id, entry));
  }

  /** All that a key has ever had. */
  valuesOf(id: string): readonly string[] {
    return this.#values.get(id) ?? [];
  }

  /** Whose change it was. */
  originOf(id: string, entry: Entry): Origin | undefined {
    return this.#origins.get(versionOf(id, entry));
  }

  /** A later deletion of the key is so old that it may be forgotten. */
  isForgotten(id: string, entry: Entry, beforeNano: bigint): boolean {
    if (beforeNano === 0n) return false;
    const later = (version: Entry): boolean => !beats(entry, version) && version.nano < beforeNano;
    return this.#deletions.get(id)?.some(later) ?? false;
  }

  /** Where some entries are not what the last writer wrote; old deletions may be gone. */
  difference(entries: ReadonlyMap<string, Entry>, forgottenBeforeNano: bigint): string | undefined {
    for (const id of new Set([...this.best.keys(), ...entries.keys()])) {
      const [wanted, found] = [this.best.get(id), entries.get(id)];
      if (wanted && found && versionOf(id, wanted) === versionOf(id, found)) continue;
      if (!found && wanted?.deleted && wanted.nano < forgottenBeforeNano) continue;
      return `${showId(id)} is ${show(found)}, and should be ${show(wanted)}`;
    }
    return undefined;
  }
}

function versionOf(id: string, { nano, deleted, value }: Entry): string {
  return `${id} ${nano} ${deleted ? 'd' : 'l'} ${value}`;
}
