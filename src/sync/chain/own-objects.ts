import type { Catalogue } from './catalogue.ts';
import { type ListedObject, previousOf } from './listed.ts';

/** An object of ours that the bucket took and does not show. Milliseconds by the clock given to the index. */
export interface OwnMissing {
  readonly name: string;
  /** When the store ended. */
  readonly storedMs: number;
  /** Listings since then, one after the other, that lack it. */
  readonly listings: number;
}

interface Stored {
  readonly object: ListedObject;
  readonly storedMs: number;
  missedListings: number;
}

/** While the bucket fails every newer state gets a name of its own: so many that no listing shows are kept in mind. */
const MOST_WRITTEN = 10_000;

/** What is known of the objects under our own name: which ones we wrote, and whether the bucket shows them (decision 12). */
export class OwnObjects {
  /** Found at start, which are loaded as any other (I5). */
  readonly #found = new Set<string>();
  /** Written, or tried to, oldest first. A listing need not show them: an upload may be under way, or have failed. */
  readonly #written = new Set<string>();
  /** The newest that the bucket took, of each kind. */
  #newestFull: Stored | undefined;
  #newestDelta: Stored | undefined;
  /** Taken, and not shown by a listing yet. */
  readonly #unlisted = new Map<string, ListedObject>();
  #foreign: string | undefined;

  /** The name of an object under our instance name that another process wrote, once seen. */
  get foreign(): string | undefined {
    return this.#foreign;
  }

  /** Taken by the bucket; the last listing began before that, or lacks them. */
  get unlisted(): Iterable<ListedObject> {
    return this.#unlisted.values();
  }

  wrote(full: string): boolean {
    return this.#written.has(full);
  }

  addWritten(full: string): void {
    this.#written.add(full);
  }

  addStored(object: ListedObject, storedMs: number): void {
    const stored = { object, storedMs, missedListings: 0 };
    this.#unlisted.set(object.name.full, object);
    if (object.name.kind === 'snapshot') this.#newestFull = newerOf(this.#newestFull, stored);
    else this.#newestDelta = newerOf(this.#newestDelta, stored);
  }

  /** @param isFirst what the first listing shows under our name was written by us in a former life */
  noteListing(
    listed: readonly ListedObject[],
    catalogue: Catalogue,
    isFirst: boolean,
    startedMs: number,
    graceMs: number,
  ): void {
    for (const { name } of listed) {
      if (isFirst) this.#found.add(name.full);
      else if (!this.#found.has(name.full) && !this.#written.has(name.full)) this.#foreign = name.full;
      this.#unlisted.delete(name.full);
    }
    for (const stored of [this.#newestFull, this.#newestDelta]) {
      if (!stored || startedMs < stored.storedMs + graceMs) continue;
      if (listed.some((object) => includes(object, stored.object))) stored.missedListings = 0;
      else stored.missedListings++;
    }
    if (this.#written.size > MOST_WRITTEN) this.#forgetWritten(catalogue);
    if (this.#unlisted.size > MOST_WRITTEN) this.#unlisted.clear();
  }

  /** @param staleListings so many listings one after the other may lack what is there */
  missing(staleListings: number): OwnMissing | undefined {
    for (const stored of [this.#newestFull, this.#newestDelta]) {
      if (!stored || stored.missedListings <= staleListings) continue;
      return { name: stored.object.name.full, storedMs: stored.storedMs, listings: stored.missedListings };
    }
    return undefined;
  }

  /** All that the listing lacks, but for the newest, which may be on its way. */
  #forgetWritten(catalogue: Catalogue): void {
    const newest = [...this.#written].at(-1)!;
    for (const full of this.#written) if (full !== newest && !catalogue.get(full)) this.#written.delete(full);
  }
}

function newerOf(before: Stored | undefined, stored: Stored): Stored {
  return before && before.object.name.timestampNano > stored.object.name.timestampNano ? before : stored;
}

/** Whether what `object` holds of its instance includes all that `other` holds: a cleaned object is not missing. */
function includes(object: ListedObject, other: ListedObject): boolean {
  if (object.name.full === other.name.full) return true;
  if (object.name.timestampNano < other.name.timestampNano) return false;
  if (object.name.kind === 'snapshot') return true;
  return other.name.kind === 'delta' && previousOf(object)! <= previousOf(other)!;
}
