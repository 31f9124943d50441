import { parseSnapshotName, timestampFromMilli } from '../../src/snapshot/index.ts';
import type { ObjectInfo } from '../../src/storage/index.ts';
import {
  ChainIndex,
  decideReplaced,
  FULL_TOKEN_BUCKET,
  type ListedObject,
  namesOf,
  nextTimeNano,
  planPublishing,
  type ReplacedSince,
  takeToken,
  tokenWaitMs,
} from '../../src/sync/chain/index.ts';
import { decideCleaning, type Sighting } from '../../src/sync/clean/index.ts';

export const SECOND_MS = 1000;
export const DAY_MS = 24 * 3600 * SECOND_MS;
const START_MS = Date.parse('2026-01-01T00:00:00Z');
const FORCE_MS = 4 * 3600 * SECOND_MS;
const OLD_MS = 7 * DAY_MS;
/** No listing of the model is older. */
const STALEST_MS = 60 * SECOND_MS;

export interface Entry {
  readonly timeNano: bigint;
  readonly value: string;
}
export type State = Map<string, Entry>;

interface Stored {
  readonly info: ObjectInfo;
  readonly entries: State;
  /** Damaged on the way: whoever reads it refuses it. */
  readonly isBad: boolean;
}

/** How a store ends: well; well but unanswered; not at all; with damaged bytes. */
export type Fate = 'stored' | 'unanswered' | 'lost' | 'damaged';

/** The later time wins, at a tie the lower value. */
export function wins(entry: Entry, present: Entry | undefined): boolean {
  if (!present || entry.timeNano !== present.timeNano) return !present || entry.timeNano > present.timeNano;
  return entry.value < present.value;
}

/** The bucket, and what it was: listings may be late. */
export class ModelBucket {
  readonly objects = new Map<string, Stored>();
  nowMs = START_MS;
  #past: { readonly atMs: number; readonly listing: readonly ObjectInfo[] }[] = [];

  store(name: string, entries: State, isBad: boolean): void {
    const info = { name, sizeBytes: 200 + 50 * entries.size, modifiedMs: this.nowMs };
    this.objects.set(name, { info, entries: new Map(entries), isBad });
    this.#remember();
  }

  delete(name: string): void {
    this.objects.delete(name);
    this.#remember();
  }

  #remember(): void {
    this.#past.push({ atMs: this.nowMs, listing: this.listing() });
    if (this.#past.length > 12) this.#past.shift();
  }

  listing(): ObjectInfo[] {
    return [...this.objects.values()].map(({ info }) => info);
  }

  /** As it was so many changes ago, but not too long; @param hide every so many-th object is not shown, 0: all are */
  late(changesAgo: number, hide: number): ObjectInfo[] {
    const past = this.#past.at(-1 - changesAgo);
    const listing = past && past.atMs >= this.nowMs - STALEST_MS ? past.listing : this.listing();
    return hide < 2 ? [...listing] : listing.filter((_, index) => index % hide !== hide - 1);
  }
}

/** One instance: a map in place of the LMDB, and the very decisions of the product. */
export class ModelInstance {
  readonly id: string;
  readonly isLegacy: boolean;
  readonly #bucket: ModelBucket;
  state: State = new Map();
  skewMs = 0;
  index!: ChainIndex;
  /** Own changes and the time of the first view that held them: whoever is covered up to then must have them. */
  readonly told: { readonly key: string; readonly entry: Entry; readonly viewNano: bigint }[] = [];
  #untold: { readonly key: string; readonly entry: Entry }[] = [];
  readonly #own = new Set<string>();
  #unpublished = new Set<string>();
  #newestNano = 0n;
  #hasJoined = false;
  #lastFullMs = 0;
  #deltaTokens = FULL_TOKEN_BUCKET;
  #fullTokens = FULL_TOKEN_BUCKET;
  #since: ReplacedSince = new Map();
  #sightings: ReadonlyMap<string, Sighting> = new Map();
  #included: ReadonlyMap<string, bigint> = new Map();

  constructor(id: string, bucket: ModelBucket, isLegacy: boolean) {
    this.id = id;
    this.isLegacy = isLegacy;
    this.#bucket = bucket;
    this.restart();
  }

  /** The LMDB stays; what the process knew is gone, and all that this instance ever wrote counts as not published. */
  restart(): void {
    this.index = new ChainIndex({
      databaseName: 'main',
      ownInstanceId: this.id,
      readsDeltas: !this.isLegacy,
      awayMs: OLD_MS - STALEST_MS,
    });
    this.#hasJoined = false;
    this.#newestNano = 0n;
    this.#unpublished = new Set(this.#own);
    this.#since = new Map();
    this.#sightings = new Map();
    this.#included = new Map();
  }

  get #clockMs(): number {
    return this.#bucket.nowMs + this.skewMs;
  }

  change(key: string, value: string): void {
    const before = this.state.get(key)?.timeNano ?? 0n;
    const entry = { timeNano: nextTimeNano(timestampFromMilli(this.#clockMs), before), value };
    this.state.set(key, entry);
    this.#own.add(key);
    this.#unpublished.add(key);
    this.#untold.push({ key, entry });
  }

  list(changesAgo = 0, hide = 0): void {
    const { nowMs } = this.#bucket;
    const isFirst = !this.#hasJoined && this.index.instances().length === 0;
    const listing = isFirst ? this.#bucket.listing() : this.#bucket.late(changesAgo, hide);
    this.index.update(listing, { startedMs: nowMs, nowMs });
    if (isFirst) this.#newestNano = this.index.ownListed().at(-1)?.timeNano ?? 0n;
    // Published is only what joined (I5), which is what was due when the first listing was done with.
    if (this.index.due().length === 0) this.#hasJoined = true;
  }

  /** Loads one due batch; @returns whether there was one */
  load(which: number): boolean {
    const due = this.index.due();
    const batch = due[which % Math.max(1, due.length)];
    if (!batch) return false;
    const contents: State[] = [];
    for (const object of batch.objects) {
      const stored = this.#bucket.objects.get(object.name.full);
      if (!stored) this.index.markGone(object);
      else if (stored.isBad) this.index.markRefused(object);
      else {
        contents.push(stored.entries);
        continue;
      }
      return true;
    }
    for (const entries of contents) {
      for (const [key, entry] of entries) {
        if (!wins(entry, this.state.get(key))) continue;
        this.state.set(key, entry);
        // A delta tells of the keys that changed here, whoever wins; after a restart only of those that are still ours.
        if (batch.instanceId !== this.id) this.#own.delete(key);
      }
    }
    for (const object of batch.objects) this.index.markMerged(object);
    if (this.index.due().length === 0) this.#hasJoined = true;
    return true;
  }

  /** @param fates of the objects, in the order in which they are stored */
  publish(fates: readonly Fate[] = []): void {
    if (!this.#hasJoined) return;
    const { nowMs } = this.#bucket;
    const mode = this.isLegacy ? 'off' : 'auto';
    const chain = this.index.ownChain();
    const plan = planPublishing({
      mode,
      chain,
      unpublished: {
        hasChanges: this.#unpublished.size > 0,
        estimatedBytes: 200 + 50 * this.#unpublished.size,
        overflowed: this.#unpublished.size > 6,
      },
      hasLegacyWriter: this.index.legacyWriters(timestampFromMilli(this.#clockMs - OLD_MS)).length > 0,
      sinceFullMs: nowMs - this.#lastFullMs,
      forceIntervalMs: FORCE_MS,
      mayPublishDelta: tokenWaitMs(this.#deltaTokens, { burst: 20, intervalMs: SECOND_MS }, nowMs) === 0,
      mayPublishFull: tokenWaitMs(this.#fullTokens, { burst: 1, intervalMs: SECOND_MS }, nowMs) === 0,
    });
    const newest = chain.newestNano > this.#newestNano ? chain.newestNano : this.#newestNano;
    const parts = { databaseName: 'main', instanceId: this.id, generationId: 'GX' };
    const names = namesOf(plan, parts, mode, nextTimeNano(timestampFromMilli(this.#clockMs), newest));
    if (!names.delta && !names.full) return;
    this.#newestNano = names.newestNano;
    const included = new Map(this.index.merged);
    for (const { key, entry } of this.#untold) {
      // What lost to another instance's entry before anyone was told of it comes with that instance's.
      if (!this.#own.has(key)) continue;
      this.told.push({ key, entry, viewNano: parseSnapshotName((names.delta ?? names.full)!).timestampNano });
    }
    this.#untold = [];
    // The keys of a compacted delta are those of what it replaces; its entries are of the same view as the delta's.
    const keys = new Set(this.#unpublished);
    const compactedKeys = new Set(keys);
    let canCompact = true;
    for (const { name } of plan.compaction?.replaces ?? []) {
      const stored = this.#bucket.objects.get(name.full);
      if (!stored) canCompact = false;
      for (const key of stored?.entries.keys() ?? []) compactedKeys.add(key);
    }
    const viewOf = (of: Iterable<string>): State => new Map([...of].map((key) => [key, this.state.get(key)!]));
    let at = 0;
    const store = (name: string | undefined, of: Iterable<string>): boolean => {
      const fate = fates[at++] ?? 'stored';
      if (!name) return true;
      this.index.addOwn(name);
      if (fate !== 'lost') this.#bucket.store(name, viewOf(of), fate === 'damaged');
      if (fate === 'lost' || fate === 'unanswered') return false;
      const { info } = this.#bucket.objects.get(name)!;
      this.index.addStored(parseSnapshotName(name), info.sizeBytes, nowMs);
      return true;
    };
    if (names.delta) {
      this.#deltaTokens = takeToken(this.#deltaTokens, { burst: 20, intervalMs: SECOND_MS }, nowMs);
      // Nothing may claim what follows a delta that is not in the bucket.
      if (!store(names.delta, keys)) return;
      this.#unpublished = new Set();
      if (canCompact) store(names.compacted, compactedKeys);
    }
    if (!names.full) return;
    this.#fullTokens = takeToken(this.#fullTokens, { burst: 1, intervalMs: SECOND_MS }, nowMs);
    if (!store(names.full, this.state.keys())) return;
    this.#unpublished = new Set();
    this.#lastFullMs = nowMs;
    this.#included = included.set(this.id, parseSnapshotName(names.full).timestampNano);
  }

  clean(changesAgo: number, hide: number): void {
    const listing = this.#bucket.late(changesAgo, hide).map(({ name }) => parseSnapshotName(name));
    const decision = decideCleaning({
      now: this.#clockMs,
      ownInstanceId: this.id,
      listing,
      sightings: this.#sightings,
      included: this.#included,
      isProven: (full) => this.index.isProven(full),
      config: { mustKeepIntervalMs: 600 * SECOND_MS, removeOldInstancesIntervalMs: OLD_MS },
    });
    this.#sightings = decision.sightings;
    for (const { name } of decision.deletions) this.#bucket.delete(name);
  }

  removeReplaced(changesAgo: number, hide: number): void {
    if (this.isLegacy) return;
    const own: ListedObject[] = this.#bucket
      .late(changesAgo, hide)
      .map((info) => ({ ...info, name: parseSnapshotName(info.name) }))
      .filter(({ name }) => name.instanceId === this.id && this.index.isProven(name.full));
    const decision = decideReplaced(own, this.#since, this.#bucket.nowMs);
    this.#since = decision.since;
    for (const name of decision.deletions) this.#bucket.delete(name);
  }

  /** I11: what is missing of another one's changes although C says that it is here. */
  lacks(other: ModelInstance): string[] {
    const coveredNano = this.index.merged.get(other.id);
    if (coveredNano === undefined) return [];
    return other.told.flatMap(({ key, entry, viewNano }) => {
      const present = this.state.get(key);
      const isHere = present !== undefined && !wins(entry, present);
      return viewNano <= coveredNano && !isHere ? [`${key}=${entry.value} of ${other.id}`] : [];
    });
  }
}
