import { META_TAG } from './constants.ts';
import type { SnapshotMeta } from './message.ts';
import { toTimestampNano } from './timestamp.ts';
import { WIRE_LENGTH, type WireReader } from './wire.ts';

const LAST_META_FIELD = 8;
/** Reserved in the message: skipped like a field we do not know. */
const RESERVED_META_FIELD = 6;

export const EMPTY_META: SnapshotMeta = {
  generationId: '',
  instanceId: '',
  hostname: '',
  databaseName: '',
  lmdbTxnId: 0n,
  timestampNano: toTimestampNano(0n),
  fromLmdbTxnId: 0n,
};

/** `meta` with the fields of the message `buffer[start, end)` put over it: protobuf merges a repeated message. */
export function decodeMeta(
  wire: WireReader,
  buffer: Buffer,
  start: number,
  end: number,
  meta: SnapshotMeta,
): SnapshotMeta {
  const result = { ...meta };
  for (let at = start; at < end; ) {
    at = wire.head(buffer, at, end, end);
    switch (wire.tag) {
      case META_TAG.generationId:
        result.generationId = wire.text(buffer, at, 'generationID');
        break;
      case META_TAG.instanceId:
        result.instanceId = wire.text(buffer, at, 'instanceID');
        break;
      case META_TAG.hostname:
        result.hostname = wire.text(buffer, at, 'hostname');
        break;
      case META_TAG.databaseName:
        result.databaseName = wire.text(buffer, at, 'databaseName');
        break;
      case META_TAG.lmdbTxnId:
        result.lmdbTxnId = BigInt.asIntN(64, wire.bigInt());
        break;
      case META_TAG.fromLmdbTxnId:
        result.fromLmdbTxnId = BigInt.asIntN(64, wire.bigInt());
        break;
      case META_TAG.timestampNano:
        result.timestampNano = toTimestampNano(wire.bigInt());
        break;
      default:
        if (wire.tag >>> 3 !== RESERVED_META_FIELD) wire.assertUnknown(LAST_META_FIELD, 'Meta');
    }
    if ((wire.tag & 7) === WIRE_LENGTH) at += wire.length;
  }
  return result;
}

export function sameMeta(a: SnapshotMeta, b: SnapshotMeta): boolean {
  return (Object.keys(EMPTY_META) as (keyof SnapshotMeta)[]).every((key) => a[key] === b[key]);
}
