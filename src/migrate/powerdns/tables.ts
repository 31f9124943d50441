/** Which DBI of schema 4 became which of schema 5, and how their keys correspond. Pure; see src/powerdns/keys.ts for the keys. */
export interface PdnsTableMove {
  /** Name in schema 4; the times are in its shadow. */
  readonly from: string;
  readonly to: string;
  /** Key of the shadow → key of the new DBI. @returns undefined for a key of another form */
  readonly toNew: (shadowKey: Buffer) => Buffer | undefined;
  readonly toShadow: (newKey: Buffer) => Buffer | undefined;
  /** Values have kept their form, so that one that differs was changed after the last sync. */
  readonly keepsValues: boolean;
}

const ID_SIZE = 4;
const LENGTH_SIZE = 2;
/** Of `dupsort_hack_v1`: key ‖ four zeros ‖ value ‖ u8 length of the key. */
const SEPARATOR = Buffer.alloc(4);
const INDEXED = ['domains', 'metadata', 'keydata', 'tsig'];

export const MAIN_MOVES: readonly PdnsTableMove[] = [
  { from: 'pdns', to: 'pdns', toNew: same, toShadow: same, keepsValues: false },
  ...INDEXED.flatMap((name) => [
    { from: name, to: `${name}_v5`, toNew: turned, toShadow: turned, keepsValues: false },
    { from: `${name}_0`, to: `${name}_v5_0`, toNew: newIndexKey, toShadow: shadowIndexKey, keepsValues: false },
  ]),
];

export const SHARD_MOVES: readonly PdnsTableMove[] = [
  { from: 'records', to: 'records_v5', toNew: same, toShadow: same, keepsValues: true },
];

function same(key: Buffer): Buffer {
  return key;
}

/** An id: little-endian in schema 4, big-endian since. */
function turned(key: Buffer): Buffer | undefined {
  return key.length === ID_SIZE ? Buffer.from(key).reverse() : undefined;
}

function newIndexKey(key: Buffer): Buffer | undefined {
  const nameLength = key.length - SEPARATOR.length - ID_SIZE - 1;
  if (nameLength < 1 || key[key.length - 1] !== nameLength) return undefined;
  const idAt = nameLength + SEPARATOR.length;
  if (!key.subarray(nameLength, idAt).equals(SEPARATOR)) return undefined;
  const length = Buffer.alloc(LENGTH_SIZE);
  length.writeUInt16BE(nameLength);
  return Buffer.concat([length, key.subarray(0, nameLength), turned(key.subarray(idAt, idAt + ID_SIZE))!]);
}

function shadowIndexKey(key: Buffer): Buffer | undefined {
  const nameLength = key.length - LENGTH_SIZE - ID_SIZE;
  if (nameLength < 1 || nameLength > 255 || key.readUInt16BE(0) !== nameLength) return undefined;
  const idAt = LENGTH_SIZE + nameLength;
  const id = turned(key.subarray(idAt))!;
  return Buffer.concat([key.subarray(LENGTH_SIZE, idAt), SEPARATOR, id, Buffer.from([nameLength])]);
}
