import type { SnapshotName } from '../../snapshot/index.ts';
import type { ObjectInfo } from '../../storage/index.ts';

/** One object as a listing shows it; what is known of it is kept for as long as listings do. */
export interface ListedObject {
  readonly name: SnapshotName;
  readonly sizeBytes: number;
  /** Milliseconds since 1970 UTC by the storage's clock, where it tells. */
  readonly modifiedMs: number | undefined;
}

/** `merged`: its content is here. `covered`: what it holds of its instance is here, by other objects. */
export type Fate = 'new' | 'covered' | 'merged';

export class TrackedObject implements ListedObject {
  readonly name: SnapshotName;
  sizeBytes: number;
  modifiedMs: number | undefined;
  readonly firstListing: number;
  fate: Fate = 'new';
  /** Of our own name, and another process wrote it: what it holds is its own, whatever we have merged or published (decision 10). */
  isForeign = false;
  /** Size and time at which it could not be used; another size or time is another object. */
  #refusedAt: string | undefined;

  constructor(name: SnapshotName, info: ObjectInfo, listing: number) {
    this.name = name;
    this.sizeBytes = info.sizeBytes;
    this.modifiedMs = info.modifiedMs;
    this.firstListing = listing;
  }

  get timeNano(): bigint {
    return this.name.timestampNano;
  }

  get isFull(): boolean {
    return this.name.kind === 'snapshot';
  }

  /** It was read or, a full snapshot, is one whose content is here. What could not be used, or was not read, proves nothing (I10). */
  get isProof(): boolean {
    return !this.isRefused && (this.fate === 'merged' || (this.fate === 'covered' && this.isFull));
  }

  forgetRefusal(): void {
    this.#refusedAt = undefined;
  }

  get isRefused(): boolean {
    return this.#refusedAt !== undefined && this.#refusedAt === versionOf(this);
  }

  /** @param seen the object as it was when its content was read, which the listing may have overtaken */
  refuse(seen: ListedObject): void {
    this.#refusedAt = versionOf(seen);
  }
}

/** A writer that does not read deltas cannot know what `F` promises. */
export function previousOf({ name }: ListedObject): bigint | undefined {
  return name.kind === 'delta' || name.readsDeltas ? name.previousTimestampNano : undefined;
}

export function byTime(a: ListedObject, b: ListedObject): number {
  if (a.name.timestampNano !== b.name.timestampNano) return a.name.timestampNano < b.name.timestampNano ? -1 : 1;
  return a.name.full < b.name.full ? -1 : 1;
}

function versionOf({ sizeBytes, modifiedMs }: ListedObject): string {
  return `${sizeBytes} ${modifiedMs}`;
}
