import type { ObjectInfo } from '../types.ts';

interface Listing {
  readonly marker: string;
  readonly infos: readonly ObjectInfo[];
  readonly listedMs: number;
}

/** The last listing, good for as long as the update marker is the one that was read before it. */
export class ListingCache {
  readonly #forceListIntervalMs: number;
  readonly #now: () => number;
  #listing: Listing | undefined;
  #drops = 0;

  constructor(forceListIntervalMs: number, now: () => number) {
    this.#forceListIntervalMs = forceListIntervalMs;
    this.#now = now;
  }

  /** After a change of our own: the next `get` lists, and a listing that is under way is not kept. */
  drop(): void {
    this.#listing = undefined;
    this.#drops++;
  }

  async get(
    readMarker: () => Promise<string | undefined>,
    list: () => Promise<readonly ObjectInfo[]>,
  ): Promise<readonly ObjectInfo[]> {
    const drops = this.#drops;
    // Before the listing: a change between the two makes the next marker differ, and is listed then.
    const marker = await readMarker();
    const cached = this.#listing;
    const listedMs = this.#now();
    // A clock that was set back gives a negative age; the cache must not live longer for it.
    const ageMs = Math.abs(listedMs - (cached?.listedMs ?? 0));
    if (cached !== undefined && cached.marker === marker && ageMs < this.#forceListIntervalMs) return cached.infos;
    const infos = await list();
    if (marker !== undefined && drops === this.#drops) this.#listing = { marker, infos, listedMs };
    return infos;
  }
}
