import type { WriteTransaction } from '../lmdb/index.ts';
import { DbiWriter, type PostponedEmpty } from './dbi-writer.ts';
import type { KeySet } from './key-set.ts';
import type { PlannedDbi, PlannedWrite, WriteSink } from './planned.ts';
import { type Beside, type ShadowStore, storeOf } from './store/index.ts';

export interface ApplyOptions {
  readonly native: boolean;
  /** `header_extra_padding_block`, for what a snapshot brings. */
  readonly extraBlocks?: number;
  /** Keys that changed since the plan was made. */
  readonly touched?: KeySet | undefined;
  /**
   * What becomes of their records: a local plan drops them, for a newer look at main has replaced them; a remote winner is
   * compared again with what is stored now.
   */
  readonly ifTouched: 'drop' | 'decide-again';
  /** Treat every record so: the plan was made against a view that is not the one it is written onto. */
  readonly recheckAll?: boolean;
  /** Where a plan is written in several transactions: what each of them leaves for the last one. */
  readonly postponed?: PostponedEmpty[];
  /** The entries lie in a sidecar, and the transaction is the sidecar's. */
  readonly beside?: Beside | undefined;
}

/** What a writer has to know of a plan. */
interface WritablePlan {
  readonly dbis: readonly PlannedDbi[];
  readonly isOrdered: boolean;
}

/** Writes the records of a plan in a write transaction: only puts and deletes, nothing is compared that was not touched. */
export class PlanWriter {
  /** Records that were not written, for what is stored is newer. */
  dropped = 0;
  readonly #transaction: WriteTransaction;
  readonly #plan: WritablePlan;
  readonly #options: ApplyOptions;
  readonly #store: ShadowStore;
  readonly #writers: (DbiWriter | undefined)[] = [];
  readonly #checksKeys: boolean;
  readonly #checksAll: boolean;
  readonly #postponed: PostponedEmpty[];

  constructor(transaction: WriteTransaction, plan: WritablePlan, options: ApplyOptions) {
    this.#transaction = transaction;
    this.#plan = plan;
    this.#options = options;
    this.#store = storeOf(options.native);
    this.#checksKeys = options.touched !== undefined && !options.touched.isEmpty;
    this.#checksAll = options.ifTouched === 'decide-again' && (options.recheckAll === true || !plan.isOrdered);
    this.#postponed = options.postponed ?? [];
  }

  /** Makes the DBIs that the plan names, also those without a record. */
  openDbis(): void {
    for (let index = 0; index < this.#plan.dbis.length; index++) this.#writer(index);
  }

  write(record: PlannedWrite): void {
    const { beside } = this.#options;
    // What a DBI that was made again gets back from a sidecar is written under the lock of main, in a transaction of its own.
    if (record.writesMain && beside && !beside.main) return;
    const writer = this.#writer(record.dbi);
    if (record.writesMain && writer.isEmptyDuplicate(record)) {
      const { dbi, timestampHi, timestampLo } = record;
      this.#postponed.push({ dbi, timestampHi, timestampLo, key: Buffer.from(record.key()) });
      return;
    }
    if (this.#isTouched(writer, record) && (this.#options.ifTouched === 'drop' || !writer.decideAgain(record))) {
      this.dropped++;
      return;
    }
    writer.putEntry(record);
    if (record.writesMain && this.#store.isCopy) writer.writeMain(record);
  }

  /**
   * To be called after the last record. LMDB holds an empty duplicate only as the single one of its key, so whether one can
   * live is known when its neighbours are written; one that cannot gives way, as it does under the application's own put.
   */
  finish(): void {
    for (const { dbi, timestampHi, timestampLo, key } of this.#postponed) {
      this.#writer(dbi).writeEmptyDuplicate(key, timestampHi, timestampLo);
    }
  }

  #isTouched(writer: DbiWriter, { keyBuffer, keyStart, keyEnd }: PlannedWrite): boolean {
    if (this.#checksAll) return true;
    return this.#checksKeys && this.#options.touched!.has(writer.name, keyBuffer, keyStart, keyEnd);
  }

  #writer(index: number): DbiWriter {
    let writer = this.#writers[index];
    if (!writer) {
      const extraBlocks = this.#options.extraBlocks ?? 0;
      writer = new DbiWriter(
        this.#transaction,
        this.#plan.dbis[index]!,
        this.#store,
        extraBlocks,
        this.#options.beside,
      );
      this.#writers[index] = writer;
    }
    return writer;
  }
}

/** Writes entries as they come, in shadow mode, for DBIs that are copied whole. */
export class FillWriter implements WriteSink {
  readonly #transaction: WriteTransaction;
  readonly #writers: DbiWriter[] = [];
  readonly #beside: Beside | undefined;

  constructor(transaction: WriteTransaction, beside?: Beside) {
    this.#transaction = transaction;
    this.#beside = beside;
  }

  addDbi(dbi: PlannedDbi): number {
    return this.#writers.push(new DbiWriter(this.#transaction, dbi, storeOf(false), 0, this.#beside)) - 1;
  }

  add(write: PlannedWrite): void {
    this.#writers[write.dbi]!.putEntry(write);
  }
}
