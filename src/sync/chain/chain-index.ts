import { DELTA_EXTENSION, type SnapshotName } from '../../snapshot/index.ts';
import type { ObjectInfo } from '../../storage/index.ts';
import { Catalogue } from './catalogue.ts';
import { type Batch, type Gap, type HealedGap, InstanceCoverage } from './coverage.ts';
import { type ListedObject, TrackedObject } from './listed.ts';
import { type OwnChain, ownChainOf } from './own-chain.ts';
import { type OwnMissing, OwnObjects } from './own-objects.ts';

export interface ChainIndexOptions {
  readonly databaseName: string;
  /** Our own, as it stands in object names. */
  readonly ownInstanceId: string;
  /** False: deltas are no objects of ours, as for the reference (`deltas: off`). Default true. */
  readonly readsDeltas?: boolean;
  /** A listing that begins so soon after a store may lack the object. Default 5 s. */
  readonly missingGraceMs?: number;
  /** So many listings one after the other may lack our newest object. Default 1. */
  readonly staleListings?: number;
  /**
   * After so long without a listing, instances may have come and gone: what they left is in full snapshots of others only
   * (`remove_old_instances_interval`). Default: for ever.
   */
  readonly awayMs?: number;
}

export interface ListingTimes {
  /** When the listing began and when it was complete, in milliseconds of one clock that never goes back. */
  readonly startedMs: number;
  readonly nowMs: number;
  /** Older than deletions are remembered, in ns since 1970; 0, the default: they are remembered for ever. */
  readonly forgottenBeforeNano?: bigint;
}

/**
 * Which objects of the bucket are to be loaded, from listings alone: no I/O and no clock, so that a simulator can drive
 * it. Of each instance its newest full snapshot and the deltas after it, then what continues them.
 */
export class ChainIndex {
  readonly #options: ChainIndexOptions;
  readonly #catalogue: Catalogue;
  readonly #coverages = new Map<string, InstanceCoverage>();
  readonly #own = new OwnObjects();
  #forgottenBeforeNano = 0n;
  #hasCurrent = false;
  #nowMs = 0;
  /** Instances whose due batches are to be found anew, when they are asked for. */
  readonly #undecided = new Set<string>();
  #batches: readonly Batch[] = [];
  /** Until something of ours changes: it is asked for several times a change. */
  #ownChain: OwnChain | undefined;

  constructor(options: ChainIndexOptions) {
    this.#options = options;
    this.#catalogue = new Catalogue(options.databaseName, options.readsDeltas ?? true);
  }

  /**
   * Takes a complete listing of the database's objects.
   * @returns names seen for the first time that do not parse
   */
  update(listing: readonly ObjectInfo[], times: ListingTimes): readonly string[] {
    const { ownInstanceId, awayMs = Number.POSITIVE_INFINITY, missingGraceMs: graceMs = 5000 } = this.#options;
    const { staleListings = 1 } = this.#options;
    this.#ownChain = undefined;
    this.#settle();
    const isFirst = this.#catalogue.listings === 0;
    const wasAway = !isFirst && times.nowMs - this.#nowMs > awayMs;
    this.#nowMs = times.nowMs;
    const { instances, strange } = this.#catalogue.update(listing);
    this.#own.noteListing(this.ownListed(), isFirst, times.startedMs, { graceMs, staleListings });
    if (instances.has(ownInstanceId)) this.#noteOwnMerged();
    const isRuleChanged = this.#noteForgotten(times.forgottenBeforeNano ?? 0n);
    const isMissed = this.#hasMissed(instances);
    if (wasAway || isMissed) for (const coverage of this.#coverages.values()) coverage.wantFull();
    for (const instanceId of instances) this.#undecided.add(instanceId);
    if (wasAway || isMissed || isRuleChanged)
      for (const id of this.#catalogue.instances.keys()) this.#undecided.add(id);
    // A gap is given a second listing to heal.
    for (const [id, { gap }] of this.#coverages) if (gap) this.#undecided.add(id);
    this.#settle();
    return strange;
  }

  /** What the last listing shows under our own name, ours or not, oldest first. */
  ownListed(): readonly TrackedObject[] {
    return this.#catalogue.objectsOf(this.#options.ownInstanceId);
  }

  #noteOwnMerged(): void {
    const coverage = this.#coverageOf(this.#options.ownInstanceId);
    const objects = this.ownListed();
    for (const object of objects) object.isForeign = this.#own.isForeign(object.name.full);
    for (const object of objects) {
      if (object.fate !== 'merged' && this.#own.wrote(object.name.full)) coverage.merged(object, objects);
    }
  }

  /** @returns whether another object may have become outdated, or ceased to be */
  #noteForgotten(forgottenBeforeNano: bigint): boolean {
    const before = this.#forgottenBeforeNano;
    this.#forgottenBeforeNano = forgottenBeforeNano;
    const [from, to] = before < forgottenBeforeNano ? [before, forgottenBeforeNano] : [forgottenBeforeNano, before];
    const isCrossed = [...this.#catalogue.instances.values()].some((objects) => {
      const first = objects.find(({ timeNano }) => timeNano >= from);
      return first !== undefined && first.timeNano < to;
    });
    return this.#findCurrent() || isCrossed;
  }

  #findCurrent(): boolean {
    const before = this.#hasCurrent;
    this.#hasCurrent =
      this.#forgottenBeforeNano > 0n &&
      [...this.#catalogue.instances.values()].some((objects) =>
        objects.some((object) => object.isFull && object.timeNano >= this.#forgottenBeforeNano && !object.isRefused),
      );
    return before !== this.#hasCurrent;
  }

  /**
   * An instance is gone from the bucket before all of it was merged here: whoever removed it has it in his full snapshots,
   * which deltas do not repeat.
   */
  #hasMissed(changed: ReadonlySet<string>): boolean {
    let isMissed = false;
    for (const instanceId of changed) {
      if (this.#catalogue.instances.has(instanceId)) continue;
      const coverage = this.#coverages.get(instanceId);
      if (coverage && (coverage.batches.length > 0 || coverage.gap)) isMissed = true;
    }
    return isMissed;
  }

  #coverageOf(instanceId: string): InstanceCoverage {
    let coverage = this.#coverages.get(instanceId);
    if (!coverage) {
      coverage = new InstanceCoverage(instanceId);
      this.#coverages.set(instanceId, coverage);
    }
    return coverage;
  }

  /** A batch of thousands is marked one by one, and decided upon once. */
  #settle(): void {
    if (this.#undecided.size === 0) return;
    for (const instanceId of this.#undecided) {
      this.#coverageOf(instanceId).decide({
        objects: this.#catalogue.objectsOf(instanceId),
        listing: this.#catalogue.listings,
        nowMs: this.#nowMs,
        isOutdated: (object) => this.#isOutdated(object),
      });
    }
    this.#undecided.clear();
    const own = this.#options.ownInstanceId;
    const ids = [...this.#coverages.keys()].sort((a, b) => Number(b === own) - Number(a === own) || (a < b ? -1 : 1));
    this.#batches = ids.flatMap((id) => this.#coverages.get(id)!.batches);
  }

  #isOutdated({ name, timeNano }: TrackedObject): boolean {
    return this.#hasCurrent && timeNano < this.#forgottenBeforeNano && name.instanceId !== this.#options.ownInstanceId;
  }

  /**
   * What is to be loaded now, our own first (I5). An instance has at most two: deltas, and a full snapshot where they do
   * not lead on. They do not depend on each other.
   */
  due(): readonly Batch[] {
    this.#settle();
    return this.#batches;
  }

  /** Instances of which something is to be loaded now. */
  waitingFor(): Set<string> {
    return new Set(this.due().map(({ instanceId }) => instanceId));
  }

  /** To be called when the transaction with its content is committed; for a batch, for each of its objects. */
  markMerged(object: ListedObject): void {
    const { instanceId } = object.name;
    this.#ownChain = undefined;
    const coverage = this.#coverageOf(instanceId);
    coverage.merged(this.#tracked(object), this.#catalogue.objectsOf(instanceId));
    if (instanceId === this.#options.ownInstanceId) this.#own.acknowledge(coverage.coveredNano ?? 0n);
    this.#undecided.add(instanceId);
  }

  /**
   * To be called when an object brought something new. What another process publishes under our name our peers take for the
   * continuation of what we published, and the other way round: a full snapshot of all has to follow. @returns whether one is owed
   */
  noteNews(object: ListedObject): boolean {
    if (!this.#tracked(object).isForeign) return false;
    this.#own.noteForeignNews();
    this.#ownChain = undefined;
    return true;
  }

  /** Refused, as it was then; another size or time is another object. Others are used instead (decision 11). */
  markRefused(object: ListedObject): void {
    this.#tracked(object).refuse(object);
    this.#ownChain = undefined;
    if (this.#findCurrent()) for (const instanceId of this.#catalogue.instances.keys()) this.#undecided.add(instanceId);
    else this.#undecided.add(object.name.instanceId);
  }

  /** Removed from the bucket since the listing. */
  markGone(object: ListedObject): void {
    this.#catalogue.forget(object.name.full);
    this.#ownChain = undefined;
    this.#own.forget(object.name.full);
    this.#undecided.add(object.name.instanceId);
  }

  /** What vanished while it was being loaded was listed with the first ones, as far as anyone knows. */
  #tracked(object: ListedObject): TrackedObject {
    const info = { name: object.name.full, sizeBytes: object.sizeBytes, modifiedMs: object.modifiedMs };
    return this.#catalogue.get(object.name.full) ?? new TrackedObject(object.name, info, 0);
  }

  /** To be called before an upload begins: a listing may show the object before the store returns. */
  addOwn(full: string): void {
    this.#own.addWritten(full);
  }

  /** To be called when the bucket said yes; `nowMs` by the clock of `update`. */
  addStored(name: SnapshotName, sizeBytes: number, nowMs: number): void {
    this.#own.addWritten(name.full);
    const object = new TrackedObject(name, { name: name.full, sizeBytes, modifiedMs: undefined }, 0);
    this.#own.addStored(object, nowMs);
    this.#ownChain = undefined;
    if (this.#catalogue.get(name.full)) return;
    this.#coverageOf(name.instanceId).merged(object, this.ownListed());
    this.#undecided.add(name.instanceId);
  }

  /** To be called when a full snapshot was stored; `foreignNews`: of the chain that was asked for in its view. */
  noteFull(foreignNews: number): void {
    this.#ownChain = undefined;
    this.#own.notePublishedNews(foreignNews);
  }

  /** Our newest object that the bucket took but does not show (decision 12): it is to be published again. */
  get ownMissing(): OwnMissing | undefined {
    return this.#own.missing(this.#options.staleListings ?? 1);
  }

  /**
   * What the publisher continues: what is listed, was listed by the listing before, or was stored since. Broken also when it
   * ends before what was published: a delta after its end would lack what is not among the unpublished changes any more.
   */
  ownChain(): OwnChain {
    this.#ownChain ??= this.#findOwnChain();
    return this.#ownChain;
  }

  #findOwnChain(): OwnChain {
    const isUsable = ({ name }: ListedObject): boolean => !this.#catalogue.get(name.full)?.isRefused;
    const chain = ownChainOf(this.#own.present(), isUsable);
    const { acknowledgedNano, foreignNews, owesFull } = this.#own;
    const isBroken = chain.isBroken || chain.endNano < acknowledgedNano || owesFull || this.ownMissing !== undefined;
    return { ...chain, isBroken, foreignNews };
  }

  /** Our own objects in the last listing that could be used, without those of another process. */
  usableOwn(): readonly ListedObject[] {
    return this.ownListed().filter(({ isRefused, isForeign }) => !isRefused && !isForeign);
  }

  /** The name of an object under our instance name that another process wrote, once seen. */
  get foreignOwnObject(): string | undefined {
    return this.#own.foreign;
  }

  /** The newest object of each instance in the last listing, refused or not. */
  newest(): SnapshotName[] {
    return [...this.#catalogue.instances.values()].map((objects) => objects.at(-1)!.name);
  }

  /** Instances in the last listing, with at least one object that is not refused. */
  instances(): string[] {
    return [...this.#catalogue.instances.keys()]
      .filter((id) => this.#catalogue.objectsOf(id).some(({ isRefused }) => !isRefused))
      .sort();
  }

  /** Other instances that publish and do not read deltas: their newest full snapshot, of that time or later, lacks `D1`. */
  legacyWriters(sinceNano: bigint): string[] {
    const ids = [...this.#catalogue.instances.keys()].filter((id) => id !== this.#options.ownInstanceId);
    return ids
      .filter((id) => {
        const full = this.#catalogue.objectsOf(id).findLast(({ isFull }) => isFull);
        return full !== undefined && !full.name.readsDeltas && full.timeNano >= sinceNano;
      })
      .sort();
  }

  /**
   * Objects of others that are not loaded because nobody remembers the deletions since them: whoever published after
   * that has merged them in their time, and they would bring back what was deleted. Where nobody has, they are all there is.
   */
  outdated(): string[] {
    if (!this.#hasCurrent) return [];
    return [...this.#catalogue.instances.values()].flatMap((objects) =>
      objects.filter((object) => this.#isOutdated(object) && object.fate === 'new').map(({ name }) => name.full),
    );
  }

  /** Everything that was refused is looked at again. */
  forgetRefusals(): void {
    this.#ownChain = undefined;
    for (const [instanceId, objects] of this.#catalogue.instances) {
      for (const object of objects) object.forgetRefusal();
      this.#undecided.add(instanceId);
    }
  }

  /** Whether an object proves that what it holds is in the bucket (I10). */
  isProven(full: string): boolean {
    const object = this.#catalogue.get(full);
    if (object) return object.isProof;
    // Without deltas they are none of our objects, and are judged by their names alone.
    return this.#options.readsDeltas === false && full.endsWith(`.${DELTA_EXTENSION}`);
  }

  /** C of each instance: the time up to which all of it is merged. */
  get merged(): ReadonlyMap<string, bigint> {
    this.#settle();
    const merged = new Map<string, bigint>();
    for (const [id, { coveredNano }] of this.#coverages) if (coveredNano !== undefined) merged.set(id, coveredNano);
    return merged;
  }

  /** Open gaps, and the last healed one of each instance; for status, metrics and log. */
  gaps(): { readonly open: readonly Gap[]; readonly healed: readonly HealedGap[] } {
    this.#settle();
    const coverages = [...this.#coverages.values()];
    return {
      open: coverages.flatMap(({ gap }) => (gap ? [gap] : [])),
      healed: coverages.flatMap(({ healed }) => (healed ? [healed] : [])),
    };
  }
}
