import type { SyncEvent } from '../../../src/sync/index.ts';
import type { FileWatch, LocalDatabase } from '../../../src/sync/local/index.ts';
import type { Fleet } from '../fleet.ts';
import { CoverageCheck, checkOwnMerged, checkPublished, WholeCheck } from '../oracle/checks.ts';
import type { KnownObject } from '../oracle/objects.ts';
import type { Stored } from '../world/bucket.ts';
import type { Member } from './member.ts';

/** One life of an instance, as the oracle sees it. */
export class Watched {
  included: () => ReadonlyMap<string, bigint> = () => new Map();
  readonly #fleet: Fleet;
  readonly #member: Member;
  readonly #coverage = new CoverageCheck();
  readonly #refused = new Map<string, number>();
  /** What is to be merged as one, by the first object. */
  readonly #batches = new Map<string, readonly KnownObject[]>();
  #whole: { readonly first: string; readonly check: WholeCheck } | undefined;
  /** Of the objects under our name those that the first listing may have shown; until the first capture. */
  #ownAtStart: readonly KnownObject[] | undefined;

  constructor(fleet: Fleet, member: Member) {
    this.#fleet = fleet;
    this.#member = member;
  }

  /** The database with ears: its watch is ours, and a merge is looked at from both ends. */
  over(local: LocalDatabase, onWatch: (onTouched: () => void) => void): LocalDatabase {
    const merge = local.merge.bind(local);
    const watched: Pick<LocalDatabase, 'watch' | 'merge'> = {
      watch: (onTouched): FileWatch => {
        onWatch(onTouched);
        return { close: () => onWatch(() => {}) };
      },
      merge: async (batch, signal) => {
        this.#member.beside?.beforeMerge();
        const known = batch.objects.flatMap(({ name }) => this.#fleet.knownObjects.get(name) ?? []);
        const first = batch.objects[0]!.name;
        if (batch.kind === 'deltas' && known.length === batch.objects.length) this.#batches.set(first, known);
        try {
          const results = await merge(batch, signal);
          if (this.#whole?.first === first) this.#whole.check.ended(this.#member.model);
          return results;
        } finally {
          if (this.#whole?.first === first) this.#whole = undefined;
          this.#batches.delete(first);
        }
      },
    };
    return Object.assign(local, watched);
  }

  /** An object is read: the turn of its merge has come. */
  reading(objectName: string): void {
    const batch = this.#batches.get(objectName);
    if (batch)
      this.#whole = { first: objectName, check: new WholeCheck(batch, this.#member.model, this.#fleet.context) };
    else if (!this.#whole || !isOf(objectName, this.#batches.get(this.#whole.first))) this.#whole = undefined;
  }

  committed(): void {
    this.#whole?.check.committed(this.#member.model);
  }

  captured(txnId: number, timestampNano: bigint): void {
    const { model, name } = this.#member;
    model.captured(txnId, timestampNano);
    checkOwnMerged(name, this.#ownAtStart ?? [], model, this.#fleet.context);
    this.#ownAtStart = [];
  }

  event(event: SyncEvent): void {
    const { context, world } = this.#fleet;
    const { name } = this.#member;
    switch (event.type) {
      case 'listed':
        this.#ownAtStart ??= this.#fleet.ownShown(name);
        break;
      case 'stored':
        this.#member.acknowledged(event.txnId);
        // Behind an object of ours that the bucket has hidden from us this one counts for nothing yet: the end decides.
        if (!this.#isBehindHidden(event.object.timestampNano)) checkPublished(this.#member, context);
        break;
      case 'loaded':
        this.#checkCoverage();
        break;
      case 'fullScan':
        if (event.differences > 0)
          world.violated('I6', `${name}: a full scan found ${event.differences} missed changes`);
        break;
      case 'refused':
        if (this.#isGood(event.object.name)) {
          world.violated('I7', `${name} refused a good object, ${event.object.name}: ${event.error.message}`);
        }
        this.#checkTold(event.object.name);
        break;
      case 'error':
      case 'recordFailed':
        world.violated('alive', `${name}: ${event.error.message} ${event.error.stack ?? ''}`);
        break;
      default:
    }
  }

  /** Whatever was ever stored under that name: it may have been stored twice, rotten once, and whoever refuses it has seen that. */
  #isGood(object: string): boolean {
    const versions = this.#versionsOf(object);
    return versions.length > 0 && versions.every(({ known }) => known !== undefined);
  }

  #versionsOf(object: string): readonly Stored[] {
    return this.#fleet.bucket.all.filter(({ name }) => name === object);
  }

  /** I7: once. What a stale listing lacks comes again, as another object; and so does what was stored once more under its name. */
  #checkTold(object: string): void {
    const { scenario, world } = this.#fleet;
    const times = (this.#refused.get(object) ?? 0) + 1;
    this.#refused.set(object, times);
    const versions = this.#versionsOf(object).length;
    if (times > versions && scenario.bucket.stale === 0)
      world.violated('I7', `${this.#member.name} told ${times} times of ${object}`);
  }

  #isBehindHidden(timestampNano: bigint): boolean {
    const { bucket, scenario } = this.#fleet;
    if (scenario.bucket.stale === 0 && scenario.bucket.late === 0) return false;
    const isNewerOwn = (known: KnownObject | undefined): boolean =>
      known?.name.instanceId === this.#member.name && known.name.timestampNano > timestampNano;
    return [...bucket.present].some(({ known }) => isNewerOwn(known));
  }

  #checkCoverage(): void {
    const others = this.#fleet.inOrder.filter(({ name }) => name.instanceId !== this.#member.name);
    this.#coverage.check(this.#member.model, this.included(), others, this.#fleet.context);
  }
}

function isOf(objectName: string, batch: readonly KnownObject[] | undefined): boolean {
  return batch?.some(({ name }) => name.full === objectName) ?? false;
}
