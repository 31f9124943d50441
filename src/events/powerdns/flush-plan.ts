import { fullName, isPdnsIndex, type PdnsChange, pdnsChangeOf } from '../../powerdns/index.ts';
import type { ChangedDbi, ChangeEvent } from '../../sync/index.ts';

/** What PowerDNS must forget. */
export interface FlushPlan {
  /** Everything, once: too much changed, or nobody can say what. */
  readonly everything: boolean;
  /** Names to forget, each with everything below it. */
  readonly names: readonly string[];
  /** Zones that came, went or were renamed: they must be flushed by name also when everything is, for the cache of zones. */
  readonly moved: readonly string[];
  /** Zones in which something changed, as far as they are known: for NOTIFY. */
  readonly zones: readonly string[];
}

export interface FlushLimits {
  /** Over this, everything is flushed once. */
  readonly maxNames: number;
  /** Over this in one zone, the zone is flushed. */
  readonly maxNamesPerZone: number;
  /** Records of zones that are not known yet, and wait for their zone; over this, everything is flushed. */
  readonly maxUnknownZones: number;
}

export const FLUSH_LIMITS: FlushLimits = { maxNames: 1000, maxNamesPerZone: 10, maxUnknownZones: 10_000 };

/**
 * Turns changed keys into names to flush. Main file and shards are separate LMDBs: records can arrive before their zone is known,
 * or after it was flushed; both are flushed when the other half is there. Pure, with the zones it has seen as its state.
 */
export class FlushPlanner {
  readonly #limits: FlushLimits;
  /** By the id that records carry. */
  readonly #zones = new Map<number, string>();
  /** Zones whose records came before they did. */
  readonly #unknown = new Set<number>();
  readonly #zoneWide = new Set<string>();
  readonly #moved = new Set<string>();
  readonly #names = new Map<string, Set<string>>();
  #everything = false;

  constructor(limits: FlushLimits = FLUSH_LIMITS) {
    this.#limits = limits;
  }

  /** What was there at the start only tells which zones there are. */
  add({ dbis, origin }: ChangeEvent): void {
    for (const dbi of dbis) this.#addDbi(dbi);
    if (origin.kind === 'start') this.#clear();
  }

  get isEmpty(): boolean {
    return !this.#everything && this.#zoneWide.size === 0 && this.#names.size === 0;
  }

  /** What is to be flushed now; the planner then starts anew, but knows its zones. */
  take(): FlushPlan {
    const names = [...this.#zoneWide];
    for (const [zone, ofZone] of this.#names) if (!this.#zoneWide.has(zone)) names.push(...ofZone);
    const zones = [...new Set([...this.#zoneWide, ...this.#names.keys()])];
    const everything = this.#everything || names.length > this.#limits.maxNames;
    const plan = { everything, names: everything ? [] : names, moved: [...this.#moved], zones };
    this.#clear();
    return plan;
  }

  #clear(): void {
    this.#everything = false;
    this.#zoneWide.clear();
    this.#moved.clear();
    this.#names.clear();
  }

  #addDbi({ name, keys }: ChangedDbi): void {
    if (!isPdnsIndex(name)) return;
    if (!keys) {
      this.#everything = true;
      return;
    }
    for (const { key, value } of keys) {
      const change = pdnsChangeOf(name, bufferOf(key), value && bufferOf(value));
      if (change) this.#addChange(change);
    }
  }

  #addChange(change: PdnsChange): void {
    if (change.table === 'records') {
      this.#addRecord(change.zoneId, change.name);
      return;
    }
    this.#zoneWide.add(change.zone);
    if (change.table !== 'domains') return;
    this.#moved.add(change.zone);
    this.#zones.set(change.id, change.zone);
    this.#unknown.delete(change.id);
  }

  #addRecord(zoneId: number, relativeName: string): void {
    const zone = this.#zones.get(zoneId);
    if (zone === undefined) {
      this.#unknown.add(zoneId);
      if (this.#unknown.size <= this.#limits.maxUnknownZones) return;
      this.#unknown.clear();
      this.#everything = true;
      return;
    }
    if (this.#zoneWide.has(zone)) return;
    // A wildcard answers for names that nobody can list.
    if (relativeName === '' || relativeName.startsWith('*')) {
      this.#zoneWide.add(zone);
      this.#names.delete(zone);
      return;
    }
    const ofZone = this.#names.get(zone) ?? new Set<string>();
    ofZone.add(fullName(relativeName, zone));
    this.#names.set(zone, ofZone);
    if (ofZone.size <= this.#limits.maxNamesPerZone) return;
    this.#zoneWide.add(zone);
    this.#names.delete(zone);
  }
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
