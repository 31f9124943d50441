import { parseSnapshotName, SnapshotNameError } from '../../snapshot/index.ts';
import type { ObjectInfo } from '../../storage/index.ts';
import { byTime, TrackedObject } from './listed.ts';

interface Entry {
  /** Undefined: not a name of this database. */
  readonly object: TrackedObject | undefined;
  lastListing: number;
}

export interface CatalogueChange {
  /** Instances of which an object appeared, changed or vanished. */
  readonly instances: ReadonlySet<string>;
  /** Names seen for the first time that do not parse. */
  readonly strange: readonly string[];
}

/** The last listing. Each name is parsed once, for as long as listings show it: an unchanged listing costs a look-up a name. */
export class Catalogue {
  readonly #databaseName: string;
  readonly #readsDeltas: boolean;
  readonly #entries = new Map<string, Entry>();
  /** By instance, oldest first. An instance without objects has no list. */
  readonly #byInstance = new Map<string, TrackedObject[]>();
  #listings = 0;

  /** @param readsDeltas false: deltas are none of our objects, and what full snapshots promise about them says nothing */
  constructor(databaseName: string, readsDeltas: boolean) {
    this.#databaseName = databaseName;
    this.#readsDeltas = readsDeltas;
  }

  /** Listings taken so far. */
  get listings(): number {
    return this.#listings;
  }

  get instances(): ReadonlyMap<string, readonly TrackedObject[]> {
    return this.#byInstance;
  }

  objectsOf(instanceId: string): readonly TrackedObject[] {
    return this.#byInstance.get(instanceId) ?? [];
  }

  get(full: string): TrackedObject | undefined {
    return this.#entries.get(full)?.object;
  }

  /** Takes a complete listing. */
  update(listing: readonly ObjectInfo[]): CatalogueChange {
    const listingNumber = this.#listings++;
    const changed = new Set<string>();
    const strange: string[] = [];
    const added: TrackedObject[] = [];
    let shown = 0;
    for (const info of listing) {
      let entry = this.#entries.get(info.name);
      if (!entry) {
        entry = { object: this.#parse(info, listingNumber, strange), lastListing: listingNumber - 1 };
        this.#entries.set(info.name, entry);
        if (entry.object) added.push(entry.object);
      }
      if (entry.lastListing !== listingNumber) shown++;
      entry.lastListing = listingNumber;
      const { object } = entry;
      if (object && (object.sizeBytes !== info.sizeBytes || object.modifiedMs !== info.modifiedMs)) {
        object.sizeBytes = info.sizeBytes;
        object.modifiedMs = info.modifiedMs;
        changed.add(object.name.instanceId);
      }
    }
    const vanished = shown < this.#entries.size ? this.#forgetMissing(listingNumber) : new Set<string>();
    for (const instanceId of vanished) changed.add(instanceId);
    this.#insert(added, changed);
    return { instances: changed, strange };
  }

  /** Found gone although the last listing showed it. */
  forget(full: string): void {
    const object = this.get(full);
    if (!object) return;
    this.#entries.delete(full);
    const { instanceId } = object.name;
    this.#setObjects(
      instanceId,
      this.objectsOf(instanceId).filter((other) => other !== object),
    );
  }

  #parse(info: ObjectInfo, listing: number, strange: string[]): TrackedObject | undefined {
    try {
      const name = parseSnapshotName(info.name);
      if (name.databaseName !== this.#databaseName) return undefined;
      if (this.#readsDeltas) return new TrackedObject(name, info, listing);
      if (name.kind === 'delta') return undefined;
      const { previousTimestampNano: _, ...withoutPromise } = name;
      return new TrackedObject(withoutPromise, info, listing);
    } catch (error) {
      if (!(error instanceof SnapshotNameError)) throw error;
      strange.push(info.name);
      return undefined;
    }
  }

  #forgetMissing(listing: number): Set<string> {
    const instances = new Set<string>();
    const gone = new Set<TrackedObject>();
    for (const [full, { object, lastListing }] of this.#entries) {
      if (lastListing === listing) continue;
      this.#entries.delete(full);
      if (!object) continue;
      gone.add(object);
      instances.add(object.name.instanceId);
    }
    for (const instanceId of instances) {
      this.#setObjects(
        instanceId,
        this.objectsOf(instanceId).filter((object) => !gone.has(object)),
      );
    }
    return instances;
  }

  #insert(added: readonly TrackedObject[], changed: Set<string>): void {
    const grown = new Map<string, TrackedObject[]>();
    for (const object of added) {
      const { instanceId } = object.name;
      const objects = grown.get(instanceId) ?? [...this.objectsOf(instanceId)];
      objects.push(object);
      grown.set(instanceId, objects);
    }
    for (const [instanceId, objects] of grown) {
      this.#setObjects(instanceId, objects.sort(byTime));
      changed.add(instanceId);
    }
  }

  #setObjects(instanceId: string, objects: TrackedObject[]): void {
    if (objects.length > 0) this.#byInstance.set(instanceId, objects);
    else this.#byInstance.delete(instanceId);
  }
}
