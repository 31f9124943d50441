import { Code, CursorOp, PutFlag } from './constants.ts';
import type { Dbi } from './dbi.ts';
import { type Address, check, liblmdb } from './library.ts';
import { addressOf, copyMemory, scratch } from './memory.ts';

/**
 * A cursor: LMDB's own order, one (key, value) at a time, duplicates one by one. The bytes of the current entry are
 * `keyBuffer[keyStart, keyEnd)` and `valueBuffer[valueStart, valueEnd)`; they are overwritten by the next move, so that
 * a scan allocates nothing per record.
 */
export class Cursor {
  keyBuffer: Buffer = Buffer.allocUnsafeSlow(512);
  readonly keyStart = 0;
  keyEnd = 0;
  valueBuffer: Buffer = Buffer.allocUnsafeSlow(4096);
  readonly valueStart = 0;
  valueEnd = 0;
  #keyAddress = addressOf(this.keyBuffer);
  #valueAddress = addressOf(this.valueBuffer);
  hasWritten = false;
  readonly #cursor: Address;
  readonly #onClose: () => void;
  #started = false;
  #closed = false;

  constructor(txn: Address, dbi: Dbi, onClose: () => void) {
    const out = new BigUint64Array(1);
    check('mdb_cursor_open', liblmdb().cursorOpen(txn, dbi, out));
    this.#cursor = Number(out[0]);
    this.#onClose = onClose;
  }

  /** Moves on by one entry, to the first one at the first call. @returns false at the end */
  next(): boolean {
    const op = this.#started ? CursorOp.next : CursorOp.first;
    this.#started = true;
    return this.#get(op);
  }

  /** Moves to the first entry whose key is at or after `key`. */
  seek(key: Uint8Array): boolean {
    scratch().setKey(key, 0, key.length);
    this.#started = true;
    return this.#get(CursorOp.setRange);
  }

  /** Moves to exactly this key (its first duplicate). */
  find(key: Uint8Array): boolean {
    scratch().setKey(key, 0, key.length);
    this.#started = true;
    return this.#get(CursorOp.set);
  }

  /** Moves to exactly this pair of a DUPSORT DBI. */
  findPair(key: Uint8Array, value: Uint8Array): boolean {
    scratch().setKey(key, 0, key.length);
    scratch().setValue(value, 0, value.length);
    this.#started = true;
    return this.#get(CursorOp.getBoth);
  }

  /** The current key as bytes of one's own. */
  key(): Buffer {
    return Buffer.from(this.keyBuffer.subarray(0, this.keyEnd));
  }

  /** The current value as bytes of one's own. */
  value(): Buffer {
    return Buffer.from(this.valueBuffer.subarray(0, this.valueEnd));
  }

  /**
   * Puts an entry whose value is `prefix` followed by `value[valueStart, valueEnd)`. Only in a write transaction.
   * @returns false when `flags` forbade it (`append` out of order, `noOverwrite`, `noDupData`)
   */
  put(
    key: Uint8Array,
    keyStart: number,
    keyEnd: number,
    prefix: Uint8Array | undefined,
    value: Uint8Array,
    valueStart: number,
    valueEnd: number,
    flags: number = PutFlag.none,
  ): boolean {
    if (this.#closed) throw new TypeError('the cursor is closed');
    const memory = scratch();
    memory.setKey(key, keyStart, keyEnd);
    if (prefix) memory.setValueParts(prefix, value, valueStart, valueEnd);
    else memory.setValue(value, valueStart, valueEnd);
    const code = liblmdb().cursorPut(this.#cursor, memory.keyVal, memory.dataVal, flags);
    if (memory.hasLarge) memory.clearLarge();
    if (code === Code.keyExist) return false;
    if (code !== Code.success) check('mdb_cursor_put', code);
    this.hasWritten = true;
    return true;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#onClose();
    liblmdb().cursorClose(this.#cursor);
  }

  #get(op: number): boolean {
    if (this.#closed) throw new TypeError('the cursor is closed');
    const memory = scratch();
    const code = liblmdb().cursorGet(this.#cursor, memory.keyVal, memory.dataVal, op);
    if (code === Code.notFound) return false;
    check('mdb_cursor_get', code);
    const { keySize, keyAddress, dataSize, dataAddress } = memory;
    if (dataSize > this.valueBuffer.length) {
      this.valueBuffer = Buffer.allocUnsafeSlow(roomFor(dataSize));
      this.#valueAddress = addressOf(this.valueBuffer);
    }
    copyMemory(this.#keyAddress, keyAddress, keySize);
    if (dataSize > 0) copyMemory(this.#valueAddress, dataAddress, dataSize);
    this.keyEnd = keySize;
    this.valueEnd = dataSize;
    return true;
  }
}

function roomFor(sizeBytes: number): number {
  return Math.max(4096, 2 ** Math.ceil(Math.log2(sizeBytes)));
}
