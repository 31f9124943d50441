/** What stands under a key: plain data, nothing of src/. Keys and values are hex. */
export interface Entry {
  readonly nano: bigint;
  readonly deleted: boolean;
  readonly value: string;
}

/** By id: DBI, slash, key of the shadow. */
export type Entries = ReadonlyMap<string, Entry>;

/** A second statement of who wins (docs/format.md): the later time, then the lower value, then the deleted one. */
export function beats(a: Entry, b: Entry): boolean {
  if (a.nano !== b.nano) return a.nano > b.nano;
  if (a.value !== b.value) return a.value < b.value;
  return a.deleted && !b.deleted;
}

export function isSame(a: Entry, b: Entry): boolean {
  return a.nano === b.nano && a.deleted === b.deleted && a.value === b.value;
}

/** Whether `held` is there, and nothing that it should have given way to. */
export function isAtLeast(held: Entry | undefined, wanted: Entry): boolean {
  return held !== undefined && !beats(wanted, held);
}

export function show(entry: Entry | undefined): string {
  if (!entry) return 'nothing';
  const value = Buffer.from(entry.value, 'hex').toString('latin1');
  const text = value.length > 24 ? `${value.slice(0, 20)}… (${value.length} B)` : value;
  return `${entry.deleted ? 'deleted' : JSON.stringify(text)} of ${entry.nano}`;
}

export function showId(id: string): string {
  const [dbi, key = ''] = id.split('/');
  return `${dbi} ${JSON.stringify(Buffer.from(key, 'hex').toString('latin1'))}`;
}

const HEADER_BYTES = 24;
const FLAGS_AT = 17;
const EXTRA_AT = 22;

/** A value of a shadow, or of a native DBI. */
export function storedEntry(stored: Buffer): Entry {
  const deleted = (stored[FLAGS_AT]! & 1) === 1;
  const valueAt = HEADER_BYTES + 8 * stored.readUInt16BE(EXTRA_AT);
  return { nano: stored.readBigUInt64BE(0), deleted, value: deleted ? '' : stored.toString('hex', valueAt) };
}

/** As an application that tracks changes itself writes it. */
export function nativeValue({ nano, deleted, value }: Entry): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeBigUInt64BE(nano, 0);
  header[FLAGS_AT] = deleted ? 1 : 0;
  return deleted ? header : Buffer.concat([header, Buffer.from(value, 'hex')]);
}
