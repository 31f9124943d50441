import { type ListedObject, previousOf, type TrackedObject } from './listed.ts';
import { cheapestPath } from './path.ts';

/** What is to be fetched and merged in one go: deltas of one instance are one transaction, a full snapshot is its own (I9). */
export interface Batch {
  readonly instanceId: string;
  readonly kind: 'snapshot' | 'deltas';
  /** In the order in which they are to be applied. */
  readonly objects: readonly ListedObject[];
}

/** A stretch of an instance's history of which no usable object is listed. Milliseconds by the clock given to the index. */
export interface Gap {
  readonly instanceId: string;
  /** All up to here is merged, or will be when what is due is; undefined: no full snapshot of the instance was ever merged. */
  readonly afterNano: bigint | undefined;
  readonly sinceMs: number;
}

export interface HealedGap extends Gap {
  readonly healedMs: number;
  /** The object with which the last of the missing stretch came. */
  readonly by: string;
}

/** What a decision needs besides the objects. */
export interface CoverageView {
  /** Of one instance, by time. */
  readonly objects: readonly TrackedObject[];
  readonly listing: number;
  readonly nowMs: number;
  /** Not to be loaded, because nobody remembers the deletions since then. */
  readonly isOutdated: (object: TrackedObject) => boolean;
}

/** Times of merged objects kept in mind, so that a compacted delta that ends with one of them is no news. */
const MOST_MERGED_TIMES = 1024;

/**
 * What is merged of one instance, and what is due. C is the time up to which all of its own changes are here; it moves only
 * over stretches that were merged (I11).
 */
export class InstanceCoverage {
  readonly #instanceId: string;
  #coveredNano: bigint | undefined;
  readonly #mergedTimes = new Set<bigint>();
  #gap: Gap | undefined;
  #gapListing = 0;
  /** Closed by what is due, and not merged yet. */
  #healing: Gap | undefined;
  #healed: HealedGap | undefined;
  #batches: readonly Batch[] = [];
  #wantsFull = false;
  #lastMerged = '';

  constructor(instanceId: string) {
    this.#instanceId = instanceId;
  }

  /** C, in ns since 1970 UTC. */
  get coveredNano(): bigint | undefined {
    return this.#coveredNano;
  }

  get gap(): Gap | undefined {
    return this.#gap;
  }

  get healed(): HealedGap | undefined {
    return this.#healed;
  }

  get batches(): readonly Batch[] {
    return this.#batches;
  }

  /**
   * Something that only full snapshots of others still hold may have been missed: the newest one is fetched, even if it
   * promises nothing new of this instance.
   */
  wantFull(): void {
    this.#wantsFull = true;
  }

  /** To be followed by `decide`. */
  merged(object: TrackedObject, objects: readonly TrackedObject[]): void {
    object.fate = 'merged';
    this.#lastMerged = object.name.full;
    if (object.isForeign) return;
    this.#rememberTime(object.timeNano);
    if (object.isFull) this.#wantsFull = false;
    else if (!this.#isContinuedBy(object)) return;
    if (this.#coveredNano === undefined || this.#coveredNano < object.timeNano) this.#coveredNano = object.timeNano;
    cover(objects, [object]);
  }

  /** Also for an object that is not listed any more when its content is here: `decide` would not find it. */
  #isContinuedBy(delta: TrackedObject): boolean {
    const previousNano = previousOf(delta)!;
    return this.#coveredNano !== undefined && previousNano <= this.#coveredNano && this.#coveredNano < delta.timeNano;
  }

  /** Finds out anew what is due; to be called whenever something changed, and at each listing while there is a gap. */
  decide(all: CoverageView): void {
    const view = { ...all, objects: all.objects.filter(({ isForeign }) => !isForeign) };
    this.#decide(view);
    this.#batches = [...this.#batches, ...this.#foreignBatches(all)];
    if (!this.#healing || this.#batches.length > 0) return;
    this.#healed = { ...this.#healing, healedMs: view.nowMs, by: this.#lastMerged };
    this.#healing = undefined;
  }

  /** Two processes of one name have two histories: each object of the other counts by itself, its deltas together (I9). */
  #foreignBatches({ objects, isOutdated }: CoverageView): Batch[] {
    const due = objects.filter(
      (object) => object.isForeign && object.fate === 'new' && !object.isRefused && !isOutdated(object),
    );
    const full = due.find(({ isFull }) => isFull);
    return [...this.#deltaBatch(due.filter(({ isFull }) => !isFull)), ...(full ? [this.#fullBatch(full)] : [])];
  }

  #decide(view: CoverageView): void {
    this.#advance(view.objects);
    const usable = view.objects.filter((object) => !object.isRefused && !view.isOutdated(object));
    const full = usable.findLast(({ isFull }) => isFull);
    if (this.#coveredNano === undefined) this.#join(view, usable, full);
    else this.#continue(view, usable, full, this.#coveredNano);
  }

  /** C moves over what is merged, and over full snapshots that promise that there was nothing. */
  #advance(objects: readonly TrackedObject[]): void {
    if (this.#coveredNano === undefined) return;
    const passed: TrackedObject[] = [];
    for (const object of objects) {
      if (object.timeNano <= this.#coveredNano) continue;
      const previousNano = previousOf(object);
      if (previousNano === undefined || previousNano > this.#coveredNano) continue;
      if (object.fate === 'new' && !object.isFull) continue;
      this.#coveredNano = object.timeNano;
      this.#rememberTime(object.timeNano);
      passed.push(object);
    }
    if (passed.length > 0) cover(objects, passed);
  }

  #join(view: CoverageView, usable: readonly TrackedObject[], full: TrackedObject | undefined): void {
    if (full) {
      // A published full snapshot of ours is here already; anything else that is merged would have set C.
      this.#batches = full.fate === 'merged' ? [] : [this.#fullBatch(full)];
      this.#judgeGap(view, cheapestPath(full.timeNano, usable).endNano);
      return;
    }
    this.#batches = this.#deltaBatch(usable.filter(({ fate }) => fate === 'new'));
    this.#judgeGap(view, undefined);
  }

  #continue(view: CoverageView, usable: readonly TrackedObject[], full: TrackedObject | undefined, c: bigint): void {
    const { endNano, steps } = cheapestPath(c, usable, ({ fate }) => fate !== 'new');
    // What cannot continue C yet is merged all the same, for merging does not depend on the order; C stays (I11).
    const beyond = uncovered(usable.filter(({ isFull, timeNano }) => !isFull && timeNano > endNano));
    const late = usable.filter((object) => this.#isLate(object, c));
    const deltas = [...late, ...steps, ...beyond].filter(({ isFull, fate }) => !isFull && fate === 'new');
    // A full snapshot without a promise is not continued by deltas: waiting for them would be in vain.
    const heals = full && full.timeNano > endNano ? full : undefined;
    const atOnce = heals && previousOf(heals) === undefined ? heals : undefined;
    const reachNano = atOnce ? cheapestPath(atOnce.timeNano, usable).endNano : endNano;
    this.#judgeGap(view, reachNano);
    const isOld = this.#gap !== undefined && view.listing > this.#gapListing;
    const missed = this.#wantsFull && full?.fate !== 'merged' ? full : undefined;
    const wanted = missed ?? atOnce ?? (isOld ? heals : undefined) ?? late.findLast(({ isFull }) => isFull);
    this.#batches = [...this.#deltaBatch(deltas), ...(wanted ? [this.#fullBatch(wanted)] : [])];
  }

  /**
   * An object that appears when later ones are merged already counts: its writer's clock was set back, or a listing came
   * late. A compacted delta ends with a time that is known, and a promise of nothing is nothing to fetch.
   */
  #isLate(object: TrackedObject, coveredNano: bigint): boolean {
    if (object.timeNano > coveredNano || object.fate !== 'new') return false;
    return object.isFull ? previousOf(object) === undefined : !this.#mergedTimes.has(object.timeNano);
  }

  /** @param reachNano where C will be when all that is due is merged */
  #judgeGap(view: CoverageView, reachNano: bigint | undefined): void {
    const isBeyond = (object: TrackedObject): boolean =>
      (reachNano === undefined || object.timeNano > reachNano) && !view.isOutdated(object);
    if (view.objects.some(isBeyond)) {
      if (!this.#gap) this.#gapListing = view.listing;
      const sinceMs = (this.#gap ?? this.#healing)?.sinceMs ?? view.nowMs;
      this.#gap = { instanceId: this.#instanceId, afterNano: reachNano, sinceMs };
      this.#healing = undefined;
    } else if (this.#gap) {
      this.#healing = this.#gap;
      this.#gap = undefined;
    }
  }

  #fullBatch(full: TrackedObject): Batch {
    return { instanceId: this.#instanceId, kind: 'snapshot', objects: [asListed(full)] };
  }

  #deltaBatch(deltas: readonly TrackedObject[]): Batch[] {
    return deltas.length > 0 ? [{ instanceId: this.#instanceId, kind: 'deltas', objects: deltas.map(asListed) }] : [];
  }

  #rememberTime(timeNano: bigint): void {
    this.#mergedTimes.add(timeNano);
    if (this.#mergedTimes.size > MOST_MERGED_TIMES) this.#mergedTimes.delete(this.#mergedTimes.values().next().value!);
  }
}

/** What is fetched is what was listed when it was decided, also when a later listing shows another size. */
function asListed({ name, sizeBytes, modifiedMs }: TrackedObject): ListedObject {
  return { name, sizeBytes, modifiedMs };
}

/**
 * Older objects that were listed no later than one that was passed are included in it: the same instance wrote them before.
 * One that appeared afterwards was perhaps not.
 */
function cover(objects: readonly TrackedObject[], passed: readonly TrackedObject[]): void {
  let next = passed.length - 1;
  let latestListing = -1;
  for (const object of objects.toReversed()) {
    while (next >= 0 && passed[next]!.timeNano > object.timeNano) {
      latestListing = Math.max(latestListing, passed[next]!.firstListing);
      next--;
    }
    if (object.fate !== 'new' || object.isForeign || object.isRefused) continue;
    if (object.firstListing <= latestListing) object.fate = 'covered';
  }
}

/** Without the deltas that a single other one includes; by time. */
function uncovered(deltas: readonly TrackedObject[]): TrackedObject[] {
  const left: TrackedObject[] = [];
  let earliestNano: bigint | undefined;
  // Of one time the longest is met first.
  for (const delta of deltas.toSorted(latestAndLongestFirst)) {
    const previousNano = previousOf(delta)!;
    if (earliestNano !== undefined && earliestNano <= previousNano) continue;
    earliestNano = previousNano;
    left.push(delta);
  }
  return left.reverse();
}

function latestAndLongestFirst(a: TrackedObject, b: TrackedObject): number {
  if (a.timeNano !== b.timeNano) return a.timeNano > b.timeNano ? -1 : 1;
  return previousOf(a)! < previousOf(b)! ? -1 : 1;
}
