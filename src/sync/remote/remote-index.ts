import { parseSnapshotName, type SnapshotName, SnapshotNameError } from '../../snapshot/index.ts';
import type { ObjectInfo } from '../../storage/index.ts';

/** While the bucket fails every newer state gets a name of its own: so many that no listing shows are kept in mind. */
const MOST_WRITTEN = 10_000;

/**
 * Which objects of the bucket are to be loaded, from listings alone: no I/O and no clock, so that the simulator can drive
 * it. One newest full snapshot of each instance is enough, for it holds everything that instance knew.
 */
export class RemoteIndex {
  readonly #databaseName: string;
  readonly #ownInstanceId: string;
  /** Full snapshots of the last listing, by instance, newest last. */
  #present = new Map<string, SnapshotName[]>();
  /** Time of the newest object of each instance that was merged. */
  readonly #merged = new Map<string, bigint>();
  /** Names that were dealt with for good: merged, or refused. */
  readonly #done = new Set<string>();
  readonly #refused = new Set<string>();
  readonly #unparsable = new Set<string>();
  /** Of the names of the last listing: most are in the next one too. */
  readonly #parsed = new Map<string, SnapshotName>();
  /** Names of our own found at start, which are loaded as any other (I5). */
  readonly #foundOwn = new Set<string>();
  /** Names that we stored, or tried to, oldest first. A listing need not show them: an upload may be under way, or have failed. */
  readonly #written = new Set<string>();
  /** In which listing an object was first seen. */
  readonly #firstListed = new Map<string, number>();
  #listings = 0;
  /** Older than deletions are remembered, in ns since 1970; 0: they are remembered for ever. */
  #forgottenBefore = 0n;
  #hasCurrent = false;
  #foreignOwn: string | undefined;

  constructor(databaseName: string, ownInstanceId: string) {
    this.#databaseName = databaseName;
    this.#ownInstanceId = ownInstanceId;
  }

  /**
   * Takes a complete listing of the database's objects; `forgottenBefore`: see `outdated`.
   * @returns names seen for the first time that do not parse
   */
  update(listing: readonly ObjectInfo[], forgottenBefore = 0n): string[] {
    const present = new Map<string, SnapshotName[]>();
    const strange: string[] = [];
    const names = new Set<string>();
    for (const { name } of listing) {
      names.add(name);
      if (!this.#firstListed.has(name)) this.#firstListed.set(name, this.#listings);
      const parsed = this.#parse(name, strange);
      if (parsed?.kind !== 'snapshot') continue;
      const ofInstance = present.get(parsed.instanceId);
      if (ofInstance) ofInstance.push(parsed);
      else present.set(parsed.instanceId, [parsed]);
    }
    for (const ofInstance of present.values()) ofInstance.sort(byTime);
    this.#present = present;
    for (const known of [this.#done, this.#refused, this.#unparsable, this.#parsed, this.#firstListed])
      forgetMissing(known, names);
    this.#noteOwn(names);
    this.#forgottenBefore = forgottenBefore;
    this.#findCurrent();
    this.#listings++;
    return strange;
  }

  #parse(name: string, strange: string[]): SnapshotName | undefined {
    if (this.#unparsable.has(name)) return undefined;
    const known = this.#parsed.get(name);
    if (known !== undefined) return known;
    try {
      const parsed = parseSnapshotName(name);
      if (parsed.databaseName !== this.#databaseName) return undefined;
      this.#parsed.set(name, parsed);
      return parsed;
    } catch (error) {
      if (!(error instanceof SnapshotNameError)) throw error;
      this.#unparsable.add(name);
      strange.push(name);
      return undefined;
    }
  }

  /** Objects under our name that appear while we run and that we did not write: a second process has our name. */
  #noteOwn(names: ReadonlySet<string>): void {
    const own = this.#present.get(this.#ownInstanceId) ?? [];
    for (const { full } of own) {
      if (this.#listings === 0) this.#foundOwn.add(full);
      else if (!this.#foundOwn.has(full) && !this.#written.has(full)) this.#foreignOwn = full;
    }
    if (this.#written.size > MOST_WRITTEN) this.#forgetWritten(names);
  }

  /** All that the listing lacks, but for the newest, which may be on its way. */
  #forgetWritten(names: ReadonlySet<string>): void {
    const newest = [...this.#written].at(-1)!;
    forgetMissing(this.#written, names);
    this.#written.add(newest);
  }

  /** The name of an object under our instance name that another process wrote, once seen. */
  get foreignOwnObject(): string | undefined {
    return this.#foreignOwn;
  }

  /** To be called before an upload begins: the listing may show it before the store returns. */
  addOwn(name: string): void {
    this.#written.add(name);
  }

  /** Instances in the last listing, with at least one object that is not refused. */
  instances(): string[] {
    return [...this.#present]
      .filter(([, names]) => names.some(({ full }) => !this.#refused.has(full)))
      .map(([instanceId]) => instanceId)
      .sort();
  }

  /** The newest object of each instance in the last listing, refused or not. */
  newest(): SnapshotName[] {
    return [...this.#present.values()].map((names) => names.at(-1)!);
  }

  /** The newest object under our own name, ours or not. */
  newestOwn(): SnapshotName | undefined {
    return this.#present.get(this.#ownInstanceId)?.at(-1);
  }

  /**
   * What is to be loaded now, our own first (I5), at most one object an instance: its newest that is neither merged nor
   * refused. An object older than one already merged counts only when it came after it: its writer's clock was set back.
   */
  due(): SnapshotName[] {
    const due: SnapshotName[] = [];
    for (const [instanceId, names] of this.#present) {
      const next = this.#nextOf(names, this.#merged.get(instanceId));
      if (next) due.push(next);
    }
    const own = this.#ownInstanceId;
    return due.sort(
      (a, b) => Number(b.instanceId === own) - Number(a.instanceId === own) || (a.full < b.full ? -1 : 1),
    );
  }

  #nextOf(names: readonly SnapshotName[], mergedNano: bigint | undefined): SnapshotName | undefined {
    for (const name of [...names].reverse()) {
      if (this.#refused.has(name.full) || this.#isOutdated(name)) continue;
      if (this.#isDone(name)) {
        // The newest that counts is merged; anything older that was there with it is in it.
        if (name.timestampNano === mergedNano) return this.#late(names);
        continue;
      }
      return name;
    }
    return undefined;
  }

  #late(names: readonly SnapshotName[]): SnapshotName | undefined {
    return [...names]
      .reverse()
      .find((name) => !this.#isDone(name) && !this.#refused.has(name.full) && !this.#isOutdated(name));
  }

  #isDone({ full }: SnapshotName): boolean {
    return this.#done.has(full) || this.#written.has(full);
  }

  /**
   * Objects of others that are not loaded because nobody remembers the deletions since them: whoever published after
   * that has merged them in their time, and they would bring back what was deleted. Where nobody has, they are all there is.
   */
  outdated(): string[] {
    return [...this.#present.values()].flatMap((names) =>
      names.filter((name) => this.#isOutdated(name) && !this.#isDone(name)).map(({ full }) => full),
    );
  }

  #isOutdated({ instanceId, timestampNano }: SnapshotName): boolean {
    return this.#hasCurrent && timestampNano < this.#forgottenBefore && instanceId !== this.#ownInstanceId;
  }

  #findCurrent(): void {
    this.#hasCurrent = [...this.#present.values()].some((names) =>
      names.some(({ full, timestampNano }) => timestampNano >= this.#forgottenBefore && !this.#refused.has(full)),
    );
  }

  /** Instances of which an object is neither merged nor refused. */
  waitingFor(): Set<string> {
    return new Set(this.due().map(({ instanceId }) => instanceId));
  }

  markMerged(name: SnapshotName): void {
    const before = this.#merged.get(name.instanceId);
    if (before === undefined || before < name.timestampNano) this.#merged.set(name.instanceId, name.timestampNano);
    this.#done.add(name.full);
    // Older ones that were listed with it are included in it: the same instance wrote them before. One that appeared only
    // while it was being loaded was not.
    const listed = this.#firstListed.get(name.full) ?? 0;
    for (const { full, timestampNano } of this.#present.get(name.instanceId) ?? []) {
      if (timestampNano < name.timestampNano && this.#firstListed.get(full)! <= listed) this.#done.add(full);
    }
  }

  /** Refused for good; an older object of the instance is used instead (decision 11). */
  markRefused(name: SnapshotName): void {
    this.#refused.add(name.full);
    this.#findCurrent();
  }

  /** Everything that was refused is looked at again. */
  forgetRefusals(): void {
    this.#refused.clear();
    this.#findCurrent();
  }

  /** Removed from the bucket since the listing. */
  markGone(name: SnapshotName): void {
    const names = this.#present.get(name.instanceId);
    if (names) {
      const left = names.filter(({ full }) => full !== name.full);
      if (left.length > 0) this.#present.set(name.instanceId, left);
      else this.#present.delete(name.instanceId);
    }
  }

  get refused(): ReadonlySet<string> {
    return this.#refused;
  }

  /** Per instance the time of the newest merged object. */
  get merged(): ReadonlyMap<string, bigint> {
    return this.#merged;
  }
}

function byTime(a: SnapshotName, b: SnapshotName): number {
  if (a.timestampNano !== b.timestampNano) return a.timestampNano < b.timestampNano ? -1 : 1;
  return a.full < b.full ? -1 : 1;
}

function forgetMissing(known: Set<string> | Map<string, unknown>, names: ReadonlySet<string>): void {
  for (const name of known.keys()) if (!names.has(name)) known.delete(name);
}
