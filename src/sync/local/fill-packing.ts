import { compareKeys } from '../../btree/index.ts';
import { DbiFlag } from '../../lmdb/index.ts';
import { type DatabaseView, entriesView, type PlannedDbi, storeOf, type WriteSink } from '../../shadow/index.ts';
import type { EntryPacker, PackedEntries, PackedRuns } from '../../snapshot/index.ts';
import type { Held } from './held.ts';

export interface PackOptions {
  readonly make: () => EntryPacker;
  /** DBIs with fewer are made into the snapshot in the ordinary way, which is as fast for them; default 20,000. */
  readonly leastEntries?: number;
}

const LEAST_ENTRIES = 20_000;

/** What a filling has put into shadows, packed. */
export interface PackedFill {
  /** Whether it is true of a view: of one transaction alone, and beside a sidecar of one of the sidecar's, too. */
  readonly isOf: (held: Held) => boolean;
  readonly dbis: ReadonlyMap<string, PackedEntries>;
  dispose(): void;
}

/**
 * Packs what the first filling copies for the full snapshot that follows it, so that nothing is walked, counted and compressed
 * afterwards. It counts only when nobody else committed from the look at the database until the end of the filling: the object claims
 * what it holds, and nothing more (I3, I5). Else, and after any failure, the snapshot is made in the ordinary way.
 */
export class FillPacking {
  readonly #options: PackOptions;
  #packer: EntryPacker | undefined;
  readonly #names: string[] = [];
  /** It is given up, or was handed over. */
  #isOver = false;
  /** A slice has begun, and was not committed. */
  #isOpen = false;
  #txnId = -1;

  constructor(options: PackOptions) {
    this.#options = options;
  }

  /** It is time to commit, so that the pool's work can be taken back. */
  get isFull(): boolean {
    return this.#packer?.isFull ?? false;
  }

  /** A slice begins under the lock. @param isUndisturbed nobody has committed since the last one, or since the look at the database */
  begin(isUndisturbed: boolean): void {
    // One that begins again was rolled back, and what was packed of it would come twice.
    if (this.#isOpen || !isUndisturbed) this.drop();
    this.#isOpen = true;
  }

  /** Packs what `into` is given. */
  beside(into: WriteSink, view: DatabaseView): WriteSink {
    const isPacked: boolean[] = [];
    return {
      addDbi: (dbi) => {
        const index = into.addDbi(dbi);
        isPacked[index] = this.#takes(dbi, view);
        return index;
      },
      add: (write) => {
        into.add(write);
        if (isPacked[write.dbi]) this.#packer?.add(write);
      },
    };
  }

  /** @param txnId of the view in which the slice is */
  committed(txnId: number): void {
    this.#isOpen = false;
    this.#txnId = txnId;
  }

  /** To be called where no lock is held. */
  async settle(): Promise<void> {
    await this.#packer?.settle();
    if (this.#packer?.hasFailed) this.drop();
  }

  /** @param base where the filling has left it @returns undefined: nothing was packed that can be used */
  async finish(base: Held): Promise<PackedFill | undefined> {
    const packer = this.#packer;
    if (!packer || this.#isOpen) {
      this.drop();
      return undefined;
    }
    const packed = await packer.finish();
    this.#packer = undefined;
    this.#isOver = true;
    if (!packed || base.id === this.#txnId) return packed && filled(base, this.#names, packed);
    packed.dispose();
    return undefined;
  }

  drop(): void {
    this.#packer?.dispose();
    this.#packer = undefined;
    this.#isOver = true;
  }

  #takes({ name, flags }: PlannedDbi, view: DatabaseView): boolean {
    const { make, leastEntries = LEAST_ENTRIES } = this.#options;
    if (this.#isOver || !comesInOrder(flags) || (view.dbis.get(name)?.entries ?? 0) < leastEntries) return false;
    this.#packer ??= make();
    if (name === this.#names.at(-1)) return true;
    this.#packer.begin();
    this.#names.push(name);
    return true;
  }
}

/** Entries are packed as they come, in the order of the application's DBI: it must be that of the snapshot. */
function comesInOrder(flags: number): boolean {
  return (flags & DbiFlag.dupSort) === 0 && storeOf(false).orderOf(flags) === compareKeys(flags);
}

function filled({ id, view }: Held, names: readonly string[], { runs, dispose }: PackedRuns): PackedFill {
  // A merge that changes times or marks alone commits nothing to main: beside a sidecar main's transaction stays what it was.
  const { txnId } = entriesView(view);
  const isOf = (held: Held): boolean => held.id === id && entriesView(held.view).txnId === txnId;
  return { isOf, dbis: new Map(names.map((name, index) => [name, runs[index]!])), dispose };
}
