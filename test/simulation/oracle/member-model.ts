import type { Content } from './content.ts';
import { beats, type Entry, isAtLeast, isSame, show, showId } from './entry.ts';
import type { Ledger } from './ledger.ts';

/** A change of the application that is in main and not recorded yet. */
interface Pending {
  /** undefined: deleted. */
  readonly value: string | undefined;
  /** The earliest time that it may be given. */
  boundNano: bigint;
  /** What the entry that it replaces has, at least. */
  readonly replaced: Entry | undefined;
  readonly commitNano: bigint;
  /** The clock had not been later before. */
  readonly isComparable: boolean;
}

export interface LocalVersion {
  readonly entry: Entry;
  /** Of the transaction in which it was recorded. */
  readonly txnId: number;
}

export interface Commit {
  readonly txnId: number;
  readonly commitNano: bigint;
  readonly isComparable: boolean;
  /** As the file is dated. */
  readonly fileNano: bigint;
}

export interface ModelOptions {
  readonly name: string;
  readonly native: boolean;
  /** The entries lie in a sidecar, whose commits come while the application writes. */
  readonly isBeside: boolean;
  readonly ledger: Ledger;
  readonly violated: (invariant: string, text: string) => void;
  /** Deletions before it may be swept. */
  readonly forgottenBefore: () => bigint;
  /** The latest time that the machine's clock has shown. */
  readonly highestNano: () => bigint;
}

/** What one LMDB must hold: the writes of its application, and of everybody else what wins. */
export class MemberModel {
  entries: ReadonlyMap<string, Entry> = new Map();
  main = new Map<string, string>();
  /** The last version of each key that this application made. */
  readonly local = new Map<string, LocalVersion>();
  /** The last version of a key that may be this application's as well as another's: both deleted one entry of a clock that was ahead. */
  readonly shared = new Map<string, Entry>();
  /** Nothing was recorded to its end yet: everything begins at 1 ns. */
  isFirstMigration = true;
  /** Of the LMDB: how often it was restored. */
  epoch = 0;
  /** The sidecar was lost, or is another one: what it holds is not to be looked at before it is recovered. */
  isLost = false;
  /** The LMDB was put back: an application that writes before that is found out cannot be told from one that goes on. */
  isRestored = false;
  /** What the bucket had when it was recovered; until the next look. */
  #recovered: ReadonlyMap<string, Entry> | undefined;
  readonly #pending = new Map<string, Pending>();
  readonly #options: ModelOptions;
  /** Since our last commit: when each value was first written, by id and value. */
  readonly #written = new Map<string, bigint>();
  /** By id: the transaction of the application that wrote it last. */
  readonly #lastTxnIds = new Map<string, number>();

  constructor(options: ModelOptions) {
    this.#options = options;
  }

  get name(): string {
    return this.#options.name;
  }

  get isBeside(): boolean {
    return this.#options.isBeside;
  }

  /** It was recovered, and not looked at since. */
  get isRecovered(): boolean {
    return this.#recovered !== undefined;
  }

  get pendingIds(): string[] {
    return [...this.#pending.keys()];
  }

  /** A write of the application is committed. `undefined`: deleted; in native mode the entry that it wrote. */
  wrote(id: string, value: string | undefined, commit: Commit, nativeEntry?: Entry): void {
    const isSame = this.main.get(id) === value;
    this.#lastTxnIds.set(id, commit.txnId);
    if (value === undefined) this.main.delete(id);
    else this.main.set(id, value);
    if (nativeEntry) {
      (this.entries as Map<string, Entry>).set(id, nativeEntry);
      this.#record(id, nativeEntry, commit.txnId);
      return;
    }
    const stored = this.entries.get(id);
    const isNoChange = value === undefined ? !stored || stored.deleted : stored?.value === value && !stored.deleted;
    // What it is put back from may be recorded at this very moment.
    if (isNoChange && !this.#options.isBeside) {
      this.#pending.delete(id);
      return;
    }
    const { commitNano, isComparable, fileNano } = commit;
    const firstNano = this.#firstWritten(id, value, fileNano);
    if (isSame && this.#options.isBeside) return;
    const boundNano = this.isFirstMigration ? 1n : firstNano;
    this.#pending.set(id, { value, boundNano, replaced: stored, commitNano, isComparable });
  }

  /** What was written before, and again, may have been seen the first time. */
  #firstWritten(id: string, value: string | undefined, fileNano: bigint): bigint {
    const key = `${id} ${value}`;
    const before = this.#written.get(key);
    const first = before !== undefined && before < fileNano ? before : fileNano;
    this.#written.set(key, first);
    return first;
  }

  /** A later commit has dated the file, or the clock was read: what is not recorded yet may get that time. */
  lower(nano: bigint): void {
    for (const pending of this.#pending.values()) if (nano < pending.boundNano) pending.boundNano = nano;
  }

  /** The instance has committed. @param seenTxnId what the application wrote after it is not recorded yet */
  committed(
    content: Content,
    txnId: number,
    mayBeAhead: ReadonlySet<string>,
    seenTxnId = Number.POSITIVE_INFINITY,
  ): void {
    const { native, isBeside, violated } = this.#options;
    // Of several new DBIs each may come with a commit of its own (decision 4); that none is left out is seen by full scans, and at the end.
    const isAhead = (id: string): boolean => !native && !content.shadowed.has(id.split('/')[0]!);
    const isLater = (id: string): boolean => isAhead(id) || (this.#lastTxnIds.get(id) ?? 0) > seenTxnId;
    if (!native && content.hasShadow && !content.isFilling) this.#checkMainIsShadow(content, isLater);
    const before = this.entries;
    for (const [id, entry] of content.entries) {
      const old = before.get(id);
      if (old && isSame(old, entry)) continue;
      if (this.#givesWay(id, entry, content)) continue;
      if (old && !beats(entry, old)) {
        violated('I3', `${showId(id)} was ${show(old)}, and an older entry has taken its place: ${show(entry)}`);
      }
      this.#attribute(id, entry, txnId);
    }
    for (const [id, old] of before) {
      if (!content.entries.has(id) && !this.#givesWay(id, undefined, content)) this.#checkForgotten(id, old);
    }
    this.#recovered = undefined;
    for (const [id, pending] of this.#pending) {
      if (!isLater(id)) this.#look(id, pending, content, mayBeAhead);
      // What was written again, just as it had been merged.
      else if (isAs(content.entries.get(id), pending.value)) this.#pending.delete(id);
    }
    if (!isBeside) this.#written.clear();
    this.entries = content.entries;
    this.main = new Map(content.main);
    if (content.hasShadow && !content.isFilling) this.isFirstMigration = false;
  }

  #checkMainIsShadow({ main, entries }: Content, isLater: (id: string) => boolean): void {
    for (const [id, entry] of entries) {
      if (isLater(id)) continue;
      const isRight = entry.deleted ? !main.has(id) : main.get(id) === entry.value;
      if (!isRight)
        this.#options.violated('I4', `${showId(id)} of the shadow is ${show(entry)}, main has ${main.get(id)}`);
    }
    for (const id of main.keys()) {
      if (!entries.has(id) && !isLater(id)) this.#options.violated('I4', `${showId(id)} of main is not in the shadow`);
    }
  }

  /**
   * After a sidecar was lost: of a key that a peer has, and main has not as the peer has it, nothing tells whether the application has changed
   * it, so that the peer's wins (decision 16).
   */
  #givesWay(id: string, entry: Entry | undefined, { main }: Content): boolean {
    if (!this.#isTheirs(id)) return false;
    const theirs = this.#recovered!.get(id)!;
    const old = this.entries.get(id);
    const isAsMain = isAs(entry, main.get(id));
    const isOlder = !entry || (entry.nano <= (old?.nano ?? 1n) && beats(theirs, entry));
    if (!isAsMain || !isOlder) return false;
    // It may be published before theirs is merged.
    const { ledger, name } = this.#options;
    if (entry && !ledger.knows(id, entry)) ledger.add(id, entry, { owner: name, epoch: this.epoch, txnId: 0 });
    return true;
  }

  #isTheirs(id: string): boolean {
    const theirs = this.#recovered?.get(id);
    const old = this.entries.get(id);
    return theirs !== undefined && !(old && beats(old, theirs));
  }

  /** Where an entry comes from that was not here before. */
  #attribute(id: string, entry: Entry, txnId: number): void {
    const { ledger, violated } = this.#options;
    const pending = this.#pending.get(id);
    const value = entry.deleted ? undefined : entry.value;
    const isChange = pending && pending.value === value;
    if (ledger.knows(id, entry)) {
      if (isChange) this.shared.set(id, entry);
      return;
    }
    const wrote = this.#options.isBeside ? this.#written.get(`${id} ${value}`) : undefined;
    if (!isChange && wrote === undefined) {
      violated('I12', `${showId(id)} became ${show(entry)}, which no application has written`);
      return;
    }
    if (isChange && !isAtLeast(entry, earliest(pending, entry))) {
      violated('I3', `${showId(id)} was written at ${pending.boundNano} and recorded as ${show(entry)}`);
    }
    const afterReplaced = pending?.replaced ? pending.replaced.nano + 1n : 1n;
    const highest = this.#options.highestNano();
    const latest = highest > afterReplaced ? highest : afterReplaced;
    // What a peer has wrote here may have been merged before its sidecar was lost, or look so.
    const replaced = [this.entries.get(id)?.nano ?? 0n, this.#recovered?.get(id)?.nano ?? 0n];
    if (entry.nano > latest && !replaced.includes(entry.nano - 1n)) {
      violated('I3', `${showId(id)} got a time that has not come yet: ${show(entry)}`);
    }
    this.#record(id, entry, txnId);
  }

  #record(id: string, entry: Entry, txnId: number): void {
    const { ledger, name } = this.#options;
    ledger.add(id, entry, { owner: name, epoch: this.epoch, txnId });
    this.local.set(id, { entry, txnId });
  }

  #checkForgotten(id: string, old: Entry): void {
    if (old.deleted && old.nano < this.#options.forgottenBefore()) return;
    this.#options.violated('I3', `${showId(id)} was ${show(old)}, and is gone`);
  }

  #look(id: string, pending: Pending, { entries, main }: Content, mayBeAhead: ReadonlySet<string>): void {
    const entry = entries.get(id);
    const { value } = pending;
    const isRecorded = this.#options.isBeside || entry ? isAs(entry, value) : false;
    if (isRecorded || (entry && isAtLeast(entry, earliest(pending, entry)))) {
      this.#pending.delete(id);
    } else if (main.get(id) !== value) {
      const text = `${showId(id)} was written (${value}), never recorded, and main has ${main.get(id)} now`;
      this.#options.violated('I3', `${text}; the shadow ${show(entry)}`);
    } else if (!mayBeAhead.has(id.split('/')[0]!)) {
      this.#options.violated(
        'I3',
        `${showId(id)} was written (${value}), and a later commit of ours has not recorded it`,
      );
    }
  }

  /** Values that a key may have had of late. */
  readonly valuesOf = (id: string): string[] => {
    const written = [...this.#written.keys()].filter((key) => key.startsWith(`${id} `) && !key.endsWith(' undefined'));
    return [...written.map((key) => key.slice(id.length + 1)), this.entries.get(id)?.value ?? ''].concat(
      this.#options.ledger.valuesOf(id),
    );
  };

  /** A capture says that all up to a time is in it. */
  captured(txnId: number, timestampNano: bigint): void {
    const { violated, highestNano } = this.#options;
    if (timestampNano > highestNano()) {
      violated('I3', `transaction ${txnId} claims ${timestampNano}, which has not come yet`);
    }
    for (const [id, { commitNano, isComparable, value }] of this.#pending) {
      // What is as it was before need not be a commit at all.
      if (this.#options.isBeside && isAs(this.entries.get(id), value)) continue;
      if (isComparable && commitNano <= timestampNano) {
        violated(
          'I3',
          `transaction ${txnId} claims ${timestampNano}, but lacks ${showId(id)}, written at ${commitNano}`,
        );
      }
    }
  }

  /** @param joined all that is in the bucket */
  recovered(joined: ReadonlyMap<string, Entry>): void {
    this.isLost = false;
    this.isRestored = false;
    this.#recovered = joined;
    // Of a key that a peer has nothing tells whether the application has changed it (decision 16).
    for (const id of this.#pending.keys()) if (this.#isTheirs(id)) this.#pending.delete(id);
  }

  /** All times are forgotten: everything begins at 1 ns once more. */
  forgotten(): void {
    this.isLost = false;
    this.isRestored = false;
    this.entries = new Map();
    this.isFirstMigration = true;
    for (const [id, value] of this.main) {
      this.#pending.set(id, { value, boundNano: 1n, replaced: undefined, commitNano: 0n, isComparable: false });
    }
  }

  /** The data file is another one: what is in it is all there is. */
  reload(content: Content): void {
    this.epoch++;
    this.entries = content.entries;
    this.main = new Map(content.main);
    this.#pending.clear();
    for (const [id, { entry }] of this.local) this.local.set(id, { entry, txnId: 0 });
    this.isFirstMigration = !content.hasShadow;
  }
}

/** Whether an entry says of main what was written; `undefined`: deleted. */
function isAs(entry: Entry | undefined, value: string | undefined): boolean {
  return (entry?.deleted === false ? entry.value : undefined) === value;
}

/** The least that a recorded change may be. */
function earliest({ boundNano, replaced }: Pending, found: Entry): Entry {
  const afterReplaced = replaced ? replaced.nano + 1n : 0n;
  const nano = boundNano > afterReplaced ? boundNano : afterReplaced;
  return { ...found, nano };
}
