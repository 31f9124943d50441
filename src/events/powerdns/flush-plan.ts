import { fullName, isPdnsIndex, type PdnsChange, pdnsChangeOf } from '../../powerdns/index.ts';
import type { ChangedDbi, ChangeEvent } from '../../sync/index.ts';
import { ZoneTable } from './zone-table.ts';

/** What PowerDNS must forget. */
export interface FlushPlan {
  /** Everything, once: too much changed, or nobody can say what. */
  readonly everything: boolean;
  /** Names to forget, each with everything below it. */
  readonly names: readonly string[];
  /** Zones that came, went or were renamed: they must be flushed by name also when everything is, for the cache of zones. */
  readonly moved: readonly string[];
  /** Zones whose keys of DNSSEC may have changed. */
  readonly signed: readonly string[];
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
  /** Zones that came and that nobody can name one by one; of those over this, the refresh of the cache of zones must find some. */
  readonly maxFreshZones: number;
}

export const FLUSH_LIMITS: FlushLimits = {
  maxNames: 1000,
  maxNamesPerZone: 10,
  maxUnknownZones: 10_000,
  maxFreshZones: 10_000,
};

/**
 * Turns changed keys into names to flush. Main file and shards are separate LMDBs: records can arrive before their zone is known,
 * or after it was flushed; both are flushed when the other half is there. Pure, with the zones it has seen as its state.
 *
 * `learn` is given every event as soon as it comes, `add` those that are to be told now: between the two an event may lose its keys.
 */
export class FlushPlanner {
  readonly #limits: FlushLimits;
  /** By the id that records carry. */
  readonly #zones = new ZoneTable();
  /** Zones with keys of DNSSEC, by the hash of their names: one too many is only flushed more often. */
  readonly #signed = new Set<number>();
  /** Zones whose records came before they did. */
  readonly #unknown = new Set<number>();
  readonly #zoneWide = new Set<string>();
  readonly #moved = new Set<string>();
  readonly #rekeyed = new Set<string>();
  /** Zones that were not known before: those that came, when an event cannot say which. */
  readonly #fresh = new Set<string>();
  readonly #names = new Map<string, Set<string>>();
  /** Names of a plan that failed. */
  readonly #again = new Set<string>();
  /** Zones of a plan that failed: they are still to be told to their secondaries. */
  readonly #owed = new Set<string>();
  #everything = false;

  constructor(limits: FlushLimits = FLUSH_LIMITS) {
    this.#limits = limits;
  }

  /** Which zones there are, and which of them are signed. A zone whose records waited for it is to be flushed. */
  learn({ dbis }: ChangeEvent): void {
    for (const change of changesOf(dbis)) {
      if (change.table === 'keydata') this.#signed.add(hashOf(change.zone));
      if (change.table !== 'domains') continue;
      if (this.#zones.get(change.id) !== change.zone && this.#fresh.size < this.#limits.maxFreshZones)
        this.#fresh.add(change.zone);
      this.#zones.set(change.id, change.zone);
      if (this.#unknown.delete(change.id)) this.#zoneWide.add(change.zone);
    }
  }

  add(event: ChangeEvent): void {
    this.learn(event);
    if (event.origin.kind === 'start') return;
    if (event.dbis.some(({ name, keys }) => keys === undefined && isPdnsIndex(name))) this.#everything = true;
    for (const change of changesOf(event.dbis)) this.#addChange(change);
  }

  get isEmpty(): boolean {
    return [this.#zoneWide, this.#names, this.#again, this.#owed].every(({ size }) => size === 0) && !this.#everything;
  }

  /** What is to be flushed now; the planner then starts anew, but knows its zones. */
  take(): FlushPlan {
    const wide = new Set([...this.#zoneWide, ...this.#again]);
    const names = [...wide];
    for (const [zone, ofZone] of this.#names) if (!wide.has(zone)) names.push(...ofZone);
    const zones = [...new Set([...this.#zoneWide, ...this.#names.keys(), ...this.#owed])];
    const everything = this.#everything || names.length > this.#limits.maxNames;
    const moved = this.#everything ? [...new Set([...this.#moved, ...this.#fresh])] : [...this.#moved];
    const plan = { everything, names: everything ? [] : names, moved, signed: [...this.#rekeyed], zones };
    this.#everything = false;
    for (const set of [this.#zoneWide, this.#moved, this.#rekeyed, this.#fresh, this.#names]) set.clear();
    for (const set of [this.#again, this.#owed]) set.clear();
    return plan;
  }

  /** A plan that failed is part of the next one. */
  giveBack({ everything, names, moved, signed, zones }: FlushPlan): void {
    this.#everything ||= everything;
    for (const name of names) this.#again.add(name);
    for (const zone of zones) this.#owed.add(zone);
    for (const zone of moved) this.#moved.add(zone);
    for (const zone of signed) this.#rekeyed.add(zone);
  }

  #addChange(change: PdnsChange): void {
    if (change.table === 'records') {
      this.#addRecord(change.zoneId, change.name);
      return;
    }
    this.#zoneWide.add(change.zone);
    if (change.table === 'domains') this.#moved.add(change.zone);
    if (change.table !== 'metadata') this.#rekeyed.add(change.zone);
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
    // A wildcard answers for names that nobody can list; in a signed zone a record also changes what is proven not to exist beside it.
    if (relativeName === '' || relativeName.startsWith('*') || this.#signed.has(hashOf(zone))) {
      this.#flushZone(zone);
      return;
    }
    const ofZone = this.#names.get(zone) ?? new Set<string>();
    ofZone.add(fullName(highestOf(relativeName), zone));
    this.#names.set(zone, ofZone);
    if (ofZone.size > this.#limits.maxNamesPerZone) this.#flushZone(zone);
  }

  #flushZone(zone: string): void {
    this.#zoneWide.add(zone);
    this.#names.delete(zone);
  }
}

function* changesOf(dbis: readonly ChangedDbi[]): Generator<PdnsChange> {
  for (const { name, keys } of dbis) {
    if (!isPdnsIndex(name)) continue;
    for (const { key, value } of keys ?? []) {
      const change = pdnsChangeOf(name, bufferOf(key), value && bufferOf(value));
      if (change) yield change;
    }
  }
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/**
 * The name just below the zone's apex: a record that comes or goes may also make or remove the names between, which have no records,
 * and with them what a wildcard beside them answers.
 */
function highestOf(relativeName: string): string {
  return relativeName.slice(relativeName.lastIndexOf('.') + 1);
}

/** FNV-1a, 31 bits. */
function hashOf(name: string): number {
  let hash = 0x811c_9dc5;
  for (let index = 0; index < name.length; index++) hash = Math.imul(hash ^ name.charCodeAt(index), 0x0100_0193);
  return hash >>> 1;
}
