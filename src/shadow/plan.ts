import { ByteCopier } from '../lmdb/index.ts';
import { Spool } from '../storage/index.ts';
import { PlanReader, RECORD_DELETED, RECORD_HAS_OLD, RECORD_HEAD_SIZE, RECORD_WRITES_MAIN } from './plan-reader.ts';
import type { PlannedDbi, PlannedWrite, WinnerSink } from './planned.ts';

const STAGING_SIZE = 256 * 1024;
const DEFAULT_MEMORY_BYTES = 1024 * 1024;

/** Of a plan that was disposed of. Most plans are of a few entries, and new memory for each of them is work for the collector. */
let spareStaging: Buffer | undefined;

function takeStaging(): Buffer {
  const staging = spareStaging ?? Buffer.allocUnsafeSlow(STAGING_SIZE);
  spareStaging = undefined;
  return staging;
}

/**
 * Writes worked out before the lock and replayed under it (decision 4). Any number of them in bounded memory:
 * records are packed into a spool, which goes to an unlinked temporary file beyond `memoryBytes`.
 */
export class WritePlan implements WinnerSink {
  readonly dbis: PlannedDbi[] = [];
  /**
   * DBIs whose shadow holds nothing yet: they are copied whole under the lock, straight from the application's pages. A plan of
   * them would only be a second copy of everything.
   */
  readonly fills: string[] = [];
  /** DBIs that are or were dropped, whose marks are to be brought up to date, with their flags (decision 9). */
  readonly marks = new Map<string, number>();
  /** Of these the ones that the application has made again, and that get entries back: they are in records that write to main. */
  readonly refills = new Set<string>();
  /** Entries marked deleted, by DBI. */
  readonly deletions = new Map<string, number>();
  /** Records added. */
  count = 0;
  /** Every DBI comes once and its keys ascend, so no key comes twice. */
  isOrdered = true;
  readonly #memoryBytes: number;
  #spool: Spool;
  readonly #staging = takeStaging();
  #isDisposed = false;
  readonly #words = new DataView(this.#staging.buffer);
  readonly #keys = new ByteCopier();
  readonly #values = new ByteCopier();
  #staged = 0;

  constructor(memoryBytes: number = DEFAULT_MEMORY_BYTES) {
    this.#memoryBytes = memoryBytes;
    this.#spool = new Spool({ memoryBytes });
  }

  /** Nothing to write, not even an empty DBI to make. */
  get isEmpty(): boolean {
    return !this.hasChanges && this.marks.size === 0;
  }

  /** Something of it is to be published. */
  get hasChanges(): boolean {
    return this.dbis.length > 0 || this.fills.length > 0;
  }

  addFill(dbiName: string, entries: number): void {
    this.fills.push(dbiName);
    this.count += entries;
  }

  /** The application dropped a DBI, or has made it again: its mark is set or removed by what is there under the lock. */
  mark(dbiName: string, flags: number): void {
    this.marks.set(dbiName, flags);
  }

  noteDeletions(dbiName: string, count: number): void {
    if (count > 0) this.deletions.set(dbiName, count);
  }

  addDbi(dbi: PlannedDbi): number {
    return this.dbis.push(dbi) - 1;
  }

  add(write: PlannedWrite): void {
    const { deleted, keyStart, keyEnd, valueStart, valueEnd, oldStart, oldEnd } = write;
    const hasOld = oldStart >= 0;
    const keyLength = keyEnd - keyStart;
    const valueLength = deleted ? 0 : valueEnd - valueStart;
    const oldLength = hasOld ? oldEnd - oldStart : 0;
    const head = this.#reserve(RECORD_HEAD_SIZE + keyLength);
    const staging = this.#staging;
    staging[head] =
      (deleted ? RECORD_DELETED : 0) | (write.writesMain ? RECORD_WRITES_MAIN : 0) | (hasOld ? RECORD_HAS_OLD : 0);
    staging[head + 1] = 0;
    const words = this.#words;
    words.setUint16(head + 2, write.dbi, true);
    words.setUint32(head + 4, write.timestampHi, true);
    words.setUint32(head + 8, write.timestampLo, true);
    words.setUint32(head + 12, keyLength, true);
    words.setUint32(head + 16, valueLength, true);
    words.setUint32(head + 20, oldLength, true);
    this.#keys.copy(write.keyBuffer, keyStart, keyEnd, staging, head + RECORD_HEAD_SIZE);
    if (valueLength > 0) this.#append(write.valueBuffer, valueStart, valueEnd);
    if (oldLength > 0) this.#append(write.oldBuffer, oldStart, oldEnd);
    this.count++;
  }

  noteDisorder(): void {
    this.isOrdered = false;
  }

  restart(): void {
    this.#spool.dispose();
    this.#spool = new Spool({ memoryBytes: this.#memoryBytes });
    this.#staged = 0;
    this.dbis.length = 0;
    this.fills.length = 0;
    this.marks.clear();
    this.refills.clear();
    this.deletions.clear();
    this.count = 0;
    this.isOrdered = true;
  }

  /** Calls `write` for every record in the order of adding; the object passed is reused. May be called again. */
  replay(write: (record: PlannedWrite) => void): void {
    const reader = new PlanReader(this.#finished());
    let record = reader.next();
    while (record) {
      write(record);
      record = reader.next();
    }
  }

  /** A pull reader, for replaying in several transactions. */
  reader(): PlanReader {
    return new PlanReader(this.#finished());
  }

  /** Another plan may use its memory then: given back twice, two would share it. */
  dispose(): void {
    this.#spool.dispose();
    if (!this.#isDisposed) spareStaging = this.#staging;
    this.#isDisposed = true;
  }

  #finished(): Spool {
    this.#flush();
    return this.#spool.finish();
  }

  #reserve(length: number): number {
    if (this.#staged + length > STAGING_SIZE) this.#flush();
    const at = this.#staged;
    this.#staged += length;
    return at;
  }

  #append(source: Buffer, start: number, end: number): void {
    if (end - start > STAGING_SIZE) {
      this.#flush();
      this.#spool.append(source.subarray(start, end));
      return;
    }
    const at = this.#reserve(end - start);
    this.#values.copy(source, start, end, this.#staging, at);
  }

  #flush(): void {
    if (this.#staged > 0) this.#spool.append(this.#staging.subarray(0, this.#staged));
    this.#staged = 0;
  }
}
