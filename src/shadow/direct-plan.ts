import type { WriteTransaction } from '../lmdb/index.ts';
import { PlanWriter } from './apply.ts';
import { type PlannedWrite, WritePlan } from './plan.ts';

/** Records between two calls of `tidy`: some 1 MB decoded. */
const TIDY_EVERY = 12_000;

/**
 * A plan that is written while it is made, for a database that holds nothing yet. It is good only when `isOrdered` still holds
 * at the end: a key that comes twice has to be compared with itself, which only a plan made beforehand can.
 */
export class DirectPlan extends WritePlan {
  readonly #writer: PlanWriter;
  readonly #record: PlannedWrite;
  readonly #tidy: () => void;

  /** @param tidy called now and then, for the garbage of decoding */
  constructor(
    transaction: WriteTransaction,
    options: { readonly native: boolean; readonly extraBlocks: number },
    tidy: () => void,
  ) {
    super();
    this.#tidy = tidy;
    this.#writer = new PlanWriter(transaction, this, { ...options, ifTouched: 'decide-again' });
    const bytes = {
      buffer: Buffer.alloc(0),
      keyStart: 0,
      keyEnd: 0,
      valueStart: 0,
      valueEnd: 0,
      oldStart: -1,
      oldEnd: -1,
    };
    this.#record = { dbi: 0, deleted: false, writesMain: false, timestampHi: 0, timestampLo: 0, ...bytes };
  }

  /** Key and value lie in one buffer, as in every snapshot; there is no old value. */
  override add(
    dbi: number,
    timestampHi: number,
    timestampLo: number,
    deleted: boolean,
    key: Buffer,
    keyStart: number,
    keyEnd: number,
    _value: Buffer,
    valueStart: number,
    valueEnd: number,
    writesMain = false,
  ): void {
    const record = this.#record;
    record.dbi = dbi;
    record.deleted = deleted;
    record.writesMain = writesMain;
    record.timestampHi = timestampHi;
    record.timestampLo = timestampLo;
    record.buffer = key;
    record.keyStart = keyStart;
    record.keyEnd = keyEnd;
    record.valueStart = valueStart;
    record.valueEnd = valueEnd;
    record.oldStart = -1;
    this.count++;
    this.#writer.write(record);
    if (this.count % TIDY_EVERY === 0) this.#tidy();
  }

  /** To be called after the last entry. */
  finish(): void {
    this.#writer.openDbis();
    this.#writer.finish();
  }
}
