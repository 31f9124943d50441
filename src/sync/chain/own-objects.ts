import { type ListedObject, previousOf } from './listed.ts';

/** An object of ours that the bucket took and does not show. Milliseconds by the clock given to the index. */
export interface OwnMissing {
  readonly name: string;
  /** When the store ended. */
  readonly storedMs: number;
  /** Listings since then, one after the other, that lack it. */
  readonly listings: number;
}

export interface MissingLimits {
  /** A listing that begins so soon after a store may lack the object. */
  readonly graceMs: number;
  /** So many listings one after the other may lack what is there. */
  readonly staleListings: number;
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
  /** In the bucket, as far as we know: taken or shown, and not missing from too many listings since. */
  readonly #present = new Map<string, { readonly object: ListedObject; readonly sinceMs: number; missed: number }>();
  #acknowledgedNano = 0n;
  #foreign: string | undefined;
  #foreignNews = 0;
  #publishedNews = 0;

  /** Foreign objects that brought something new. */
  get foreignNews(): number {
    return this.#foreignNews;
  }

  /** Some of that is in no full snapshot of ours. */
  get owesFull(): boolean {
    return this.#publishedNews < this.#foreignNews;
  }

  noteForeignNews(): void {
    this.#foreignNews++;
  }

  /** A full snapshot was stored, of a view with so many news in it. */
  notePublishedNews(foreignNews: number): void {
    this.#publishedNews = Math.max(this.#publishedNews, foreignNews);
  }

  /** The name of an object under our instance name that another process wrote, once seen. */
  get foreign(): string | undefined {
    return this.#foreign;
  }

  /** Also what a single listing lacks: a chain must not seem to end before what was published. */
  *present(): Generator<ListedObject> {
    for (const { object } of this.#present.values()) yield object;
  }

  /** What changed up to here is not among the unpublished changes any more: no delta may begin before it. */
  get acknowledgedNano(): bigint {
    return this.#acknowledgedNano;
  }

  acknowledge(timeNano: bigint): void {
    if (timeNano > this.#acknowledgedNano) this.#acknowledgedNano = timeNano;
  }

  wrote(full: string): boolean {
    return this.#written.has(full);
  }

  /** Known from the second listing on: what the first one shows we wrote ourselves, in a former life. */
  isForeign(full: string): boolean {
    return !this.#found.has(full) && !this.#written.has(full);
  }

  addWritten(full: string): void {
    this.#written.add(full);
  }

  addStored(object: ListedObject, storedMs: number): void {
    const stored = { object, storedMs, missedListings: 0 };
    this.#present.set(object.name.full, { object, sinceMs: storedMs, missed: 0 });
    this.acknowledge(object.name.timestampNano);
    if (object.name.kind === 'snapshot') this.#newestFull = newerOf(this.#newestFull, stored);
    else this.#newestDelta = newerOf(this.#newestDelta, stored);
  }

  /** Found gone although the last listing showed it. */
  forget(full: string): void {
    this.#present.delete(full);
  }

  /** @param isFirst what the first listing shows under our name was written by us in a former life */
  noteListing(listed: readonly ListedObject[], isFirst: boolean, startedMs: number, limits: MissingLimits): void {
    const shown = new Set<string>();
    for (const object of listed) {
      const { full } = object.name;
      shown.add(full);
      if (isFirst) this.#found.add(full);
      else if (this.isForeign(full)) this.#foreign = full;
      const known = this.#present.get(full);
      if (known) known.missed = 0;
      else this.#present.set(full, { object, sinceMs: startedMs, missed: 0 });
    }
    for (const [full, known] of this.#present) {
      if (shown.has(full) || startedMs < known.sinceMs + limits.graceMs) continue;
      if (++known.missed > limits.staleListings) this.#present.delete(full);
    }
    for (const stored of [this.#newestFull, this.#newestDelta]) {
      if (!stored || startedMs < stored.storedMs + limits.graceMs) continue;
      if (listed.some((object) => includes(object, stored.object))) stored.missedListings = 0;
      else stored.missedListings++;
    }
    if (this.#written.size > MOST_WRITTEN) this.#forgetWritten(shown);
    if (this.#present.size > shown.size + MOST_WRITTEN) this.#present.clear();
  }

  missing(staleListings: number): OwnMissing | undefined {
    for (const stored of [this.#newestFull, this.#newestDelta]) {
      if (!stored || stored.missedListings <= staleListings) continue;
      return { name: stored.object.name.full, storedMs: stored.storedMs, listings: stored.missedListings };
    }
    return undefined;
  }

  /** All that the listing lacks, but for the newest, which may be on its way. */
  #forgetWritten(shown: ReadonlySet<string>): void {
    const newest = [...this.#written].at(-1)!;
    for (const full of this.#written) if (full !== newest && !shown.has(full)) this.#written.delete(full);
  }
}

/** A compacted delta ends with the delta that was stored just before: what shows either is not missing. */
function newerOf(before: Stored | undefined, stored: Stored): Stored {
  return before && before.object.name.timestampNano >= stored.object.name.timestampNano ? before : stored;
}

/** Whether what `object` holds of its instance includes all that `other` holds: a cleaned object is not missing. */
function includes(object: ListedObject, other: ListedObject): boolean {
  if (object.name.full === other.name.full) return true;
  if (object.name.timestampNano < other.name.timestampNano) return false;
  if (object.name.kind === 'snapshot') return true;
  return other.name.kind === 'delta' && previousOf(object)! <= previousOf(other)!;
}
