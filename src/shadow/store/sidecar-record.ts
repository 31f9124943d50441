import { sameBytes } from '../../btree/index.ts';
import { MAX_KEY_SIZE } from '../../lmdb/index.ts';
import { Entry, takeStored } from '../../merge/index.ts';
import { applicationKeyLength, valueOffset } from '../dupsort.ts';
import { DIGEST_BYTES, digestOf } from './digest.ts';

/**
 * A record of a sidecar: the header of any shadow, then what stands for the value. Its form is a byte of the header that is 0 in every
 * other one:
 *
 *     0  the value as it is, where that is not longer than a digest, or the application has dropped the DBI
 *     1  a digest of the value
 *     2  nothing: the value of a pair is in the shadow key, whole
 *
 * A deletion mark has nothing behind its header. The three bytes after the form say how long a value is of which only a digest is there;
 * 0: longer than they can say.
 */
const FORM_AT = 18;
const LENGTH_AT = 19;
const MAX_LENGTH = 0xffffff;
const Form = { plain: 0, digest: 1, inKey: 2 } as const;

/** Where the value of a pair begins in its shadow key, when it is in there whole; -1: it was cut. */
export function valueInKey(entry: Entry): number {
  const { keyBuffer, keyStart, keyEnd } = entry;
  const length = applicationKeyLength(keyBuffer, keyStart, keyEnd);
  return length < 0 ? -1 : keyStart + valueOffset(length);
}

/** What stands for a live value; reused for all. */
export class StoredForm {
  form: number = Form.plain;
  buffer: Buffer = Buffer.alloc(0);
  start = 0;
  end = 0;
  #valueLength = 0;

  /** @param keepsValue no digest stands for it, however long it is */
  set(entry: Entry, isDupSort: boolean, keepsValue = false): void {
    const { valueBuffer, valueStart, valueEnd } = entry;
    this.#setBytes(Form.plain, valueBuffer, valueStart, valueEnd);
    if (entry.deleted) return;
    if (isDupSort) {
      const at = valueInKey(entry);
      if (at >= 0 && valueEnd - valueStart === entry.keyEnd - 1 - at) {
        this.#setBytes(Form.inKey, valueBuffer, 0, 0);
        return;
      }
    }
    if (keepsValue || valueEnd - valueStart <= DIGEST_BYTES) return;
    this.#setBytes(Form.digest, digestOf(valueBuffer, valueStart, valueEnd), 0, DIGEST_BYTES);
    this.#valueLength = valueEnd - valueStart;
  }

  /** Notes it in a header. */
  mark(header: Buffer): void {
    const length = this.#valueLength > MAX_LENGTH ? 0 : this.#valueLength;
    header[FORM_AT] = this.form;
    header[LENGTH_AT] = length >>> 16;
    header[LENGTH_AT + 1] = length >>> 8;
    header[LENGTH_AT + 2] = length;
  }

  #setBytes(form: number, buffer: Buffer, start: number, end: number): void {
    this.form = form;
    this.buffer = buffer;
    this.start = start;
    this.end = end;
    this.#valueLength = 0;
  }
}

/** An entry as a sidecar keeps it: its value is known, or only what it looks like. */
export class SidecarEntry extends Entry {
  #form: number = Form.plain;
  #payload: Buffer = this.keyBuffer;
  #payloadStart = 0;
  #payloadEnd = 0;
  #valueLength = 0;

  /** The key is set. A value that is not kept here is left empty. @throws HeaderError */
  takeRecord(dbiName: string, buffer: Buffer, start: number, end: number): void {
    takeStored(this, dbiName, buffer, start, end);
    this.#form = this.deleted ? Form.plain : buffer[start + FORM_AT]!;
    this.#valueLength = 0;
    this.#payload = this.valueBuffer;
    this.#payloadStart = this.valueStart;
    this.#payloadEnd = this.valueEnd;
    if (this.#form === Form.inKey) this.setValue(this.keyBuffer, valueInKey(this), this.keyEnd - 1);
    else if (this.#form === Form.digest) {
      this.setValue(buffer, end, end);
      const at = start + LENGTH_AT;
      this.#valueLength = (buffer[at]! << 16) | (buffer[at + 1]! << 8) | buffer[at + 2]!;
    }
  }

  /** How long a value is of which only a digest is there; 0: not known. */
  get valueLength(): number {
    return this.#valueLength;
  }

  /** Its value has to be fetched from the application's DBI. */
  get isDigest(): boolean {
    return this.#form === Form.digest;
  }

  /** Whether its value, if it is live, is `buffer[start, end)`. */
  hasValue(buffer: Buffer, start: number, end: number): boolean {
    if (!this.isDigest) return sameBytes(this.valueBuffer, this.valueStart, this.valueEnd, buffer, start, end);
    if (this.#valueLength > 0 && end - start !== this.#valueLength) return false;
    if (end - start <= DIGEST_BYTES || this.#payloadEnd - this.#payloadStart !== DIGEST_BYTES) return false;
    const digest = digestOf(buffer, start, end);
    return sameBytes(this.#payload, this.#payloadStart, this.#payloadEnd, digest, 0, DIGEST_BYTES);
  }

  /** Whether another record says the same of the application's DBI. */
  isSameInMain(other: SidecarEntry): boolean {
    if (this.deleted || other.deleted) return this.deleted === other.deleted;
    if (this.#form !== other.#form) return false;
    if (this.#form === Form.inKey) return true;
    return sameBytes(
      this.#payload,
      this.#payloadStart,
      this.#payloadEnd,
      other.#payload,
      other.#payloadStart,
      other.#payloadEnd,
    );
  }

  /** The shadow key of a pair may lack the end of its value. */
  get mayBeCut(): boolean {
    return this.keyEnd - this.keyStart === MAX_KEY_SIZE;
  }
}
