import type { Bucket, Stored } from '../world/bucket.ts';
import { beats, type Entry, isAtLeast, isSame, show, showId } from './entry.ts';
import type { Ledger, Origin } from './ledger.ts';
import type { MemberModel } from './member-model.ts';
import { chainOf, type KnownObject, takeInto } from './objects.ts';

/** What is checked of one member of the fleet from outside. */
export interface Checked {
  readonly name: string;
  readonly model: MemberModel;
  /** The newest transaction of which the bucket took an object, in this life of the LMDB. */
  readonly acknowledgedTxnId: number;
}

export interface Context {
  readonly bucket: Bucket;
  readonly ledger: Ledger;
  readonly forgottenBeforeNano: bigint;
  readonly violated: (invariant: string, text: string) => void;
}

function objectsOf(bucket: Bucket, name: string): KnownObject[] {
  const objects: KnownObject[] = [];
  for (const { known } of bucket.present) if (known?.name.instanceId === name) objects.push(known);
  return objects;
}

/** What an empty instance that joins gets of all of them. */
function joinerEntries(bucket: Bucket): Map<string, Entry> {
  const names = new Set<string>();
  for (const { known } of bucket.present) if (known) names.add(known.name.instanceId);
  const entries = new Map<string, Entry>();
  for (const name of names) takeInto(entries, chainOf(objectsOf(bucket, name)).entries);
  return entries;
}

/** All that is in the bucket, also what no chain leads to. */
export function allEntries(bucket: Bucket): Map<string, Entry> {
  const entries = new Map<string, Entry>();
  for (const { known } of bucket.present) if (known) takeInto(entries, known.entries);
  return entries;
}

function isForgotten(id: string, entry: Entry, { ledger, forgottenBeforeNano }: Context): boolean {
  return ledger.isForgotten(id, entry, forgottenBeforeNano);
}

/** The bucket holds each instance's newest data: whoever joins gets all that the bucket was said to have taken. */
export function checkPublished({ name, model, acknowledgedTxnId }: Checked, context: Context): void {
  if (acknowledgedTxnId === 0) return;
  const { entries } = chainOf(objectsOf(context.bucket, name));
  for (const [id, { entry, txnId }] of model.local) {
    if (txnId > acknowledgedTxnId || isForgotten(id, entry, context)) continue;
    if (isAtLeast(entries.get(id), entry)) continue;
    // Another instance's change had taken its place before it was published, and that one is there.
    if (isAtLeast(joinerEntries(context.bucket).get(id), entry)) continue;
    const text = `${name}'s ${showId(id)}, ${show(entry)}, was recorded in transaction ${txnId}`;
    const found = `transaction ${acknowledgedTxnId} is published, and a joiner gets ${show(entries.get(id))}`;
    context.violated('bucket', `${text}; ${found}`);
  }
}

/** I10: what a deleted object held is in what is left. */
export function checkDeleted(object: Stored, by: string, context: Context): void {
  const left = new Map<string, Entry>();
  for (const { known } of context.bucket.present) if (known) takeInto(left, known.entries);
  for (const [id, entry] of object.known?.entries ?? []) {
    if (isForgotten(id, entry, context) || isAtLeast(left.get(id), entry)) continue;
    context.violated('I10', `${by} deleted ${object.name}: nothing has ${showId(id)}, ${show(entry)}, any more`);
  }
}

/** I11: C is the time up to which all of an instance's own changes are here. */
export class CoverageCheck {
  /** By instance: objects as they were stored, and how many of them were looked at here. */
  readonly #checked = new Set<KnownObject>();

  check(
    model: MemberModel,
    merged: ReadonlyMap<string, bigint>,
    objects: readonly KnownObject[],
    context: Context,
  ): void {
    for (const object of objects) {
      const { instanceId, timestampNano } = object.name;
      const coveredNano = merged.get(instanceId);
      if (coveredNano === undefined || timestampNano > coveredNano || this.#checked.has(object)) continue;
      this.#checked.add(object);
      for (const [id, entry] of object.entries) {
        if (!isClaimed(object, context.ledger.originOf(id, entry)) || isForgotten(id, entry, context)) continue;
        if (isAtLeast(model.entries.get(id), entry)) continue;
        if (isOvertaken(id, entry, instanceId, context)) continue;
        const here = `has ${show(model.entries.get(id))} of ${showId(id)}, ${object.name.full} ${show(entry)}`;
        context.violated('I11', `all of ${instanceId} up to ${coveredNano} is said to be merged, but it ${here}`);
      }
    }
  }
}

/**
 * Another instance has published something later for that key. The owner may have merged that before it continued its chain behind an object
 * that a late listing did not show; then the later one is all that is to come.
 */
function isOvertaken(id: string, entry: Entry, owner: string, { bucket }: Context): boolean {
  for (const { known } of bucket.present) {
    const theirs = known && known.name.instanceId !== owner ? known.entries.get(id) : undefined;
    if (theirs && beats(theirs, entry)) return true;
  }
  return false;
}

/** An object may hold more of its instance than its name says: what was committed while it was made. */
function isClaimed({ name, epoch, txnId }: KnownObject, origin: Origin | undefined): boolean {
  if (origin?.owner !== name.instanceId) return false;
  return origin.epoch !== epoch || origin.txnId <= txnId;
}

/** I9: of the deltas of one batch all is visible, or nothing. */
export class WholeCheck {
  readonly #missing: (readonly [id: string, entry: Entry])[];
  readonly #context: Context;

  constructor(objects: readonly KnownObject[], model: MemberModel, context: Context) {
    const entries = new Map<string, Entry>();
    for (const object of objects) takeInto(entries, object.entries);
    this.#missing = [...entries].filter(([id, entry]) => !isAtLeast(model.entries.get(id), entry));
    this.#context = context;
  }

  committed(model: MemberModel): void {
    const isVisible = this.#missing.some(([id, entry]) => {
      const here = model.entries.get(id);
      const shared = model.shared.get(id);
      // It may have been recorded here, and be no part of what came.
      if (shared && isSame(shared, entry)) return false;
      return here !== undefined && isSame(here, entry);
    });
    if (isVisible) this.ended(model);
  }

  ended(model: MemberModel): void {
    for (const [id, entry] of this.#missing) {
      if (isForgotten(id, entry, this.#context) || isAtLeast(model.entries.get(id), entry)) continue;
      const here = `${showId(id)} is ${show(model.entries.get(id))} and not ${show(entry)}`;
      this.#context.violated('I9', `a part of what one transaction brought is visible: ${here}`);
    }
  }
}

/** I5: before anything is published all of our own that the bucket showed is here. */
export function checkOwnMerged(
  name: string,
  shown: readonly KnownObject[],
  model: MemberModel,
  context: Context,
): void {
  for (const object of shown) {
    for (const [id, entry] of object.entries) {
      if (isForgotten(id, entry, context) || isAtLeast(model.entries.get(id), entry)) continue;
      const here = `${showId(id)} is ${show(model.entries.get(id))} here, and ${show(entry)} in ${object.name.full}`;
      context.violated('I5', `${name} publishes before its own objects are merged: ${here}`);
    }
  }
}
