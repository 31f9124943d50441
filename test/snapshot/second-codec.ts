import type { MessageInitShape } from '@bufbuild/protobuf';
import { create, createFileRegistry, type DescMessage, fromBinary } from '@bufbuild/protobuf';
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import {
  type FieldDescriptorProtoSchema,
  FileDescriptorProtoSchema,
  FieldDescriptorProto_Label as Label,
  FieldDescriptorProto_Type as Type,
} from '@bufbuild/protobuf/wkt';
import { toTimestampNano } from '../../src/snapshot/index.ts';
import type { PlainDbi, PlainEntry, PlainSnapshot } from './support.ts';

/** A second, independent codec of the message (docs/format.md), by a protobuf library and a descriptor. */
type Field = MessageInitShape<typeof FieldDescriptorProtoSchema>;

const field = (number: number, name: string, type: Type, more: Field = {}): Field => ({
  number,
  name,
  jsonName: name,
  type,
  label: Label.OPTIONAL,
  ...more,
});
const list = (number: number, name: string, typeName: string): Field =>
  field(number, name, Type.MESSAGE, { typeName, label: Label.REPEATED });

const registry = createFileRegistry(
  create(FileDescriptorProtoSchema, {
    name: 'snapshot.proto',
    syntax: 'proto3',
    package: 'second',
    messageType: [
      {
        name: 'Snapshot',
        field: [
          field(1, 'formatVersion', Type.UINT32),
          field(4, 'compatVersion', Type.UINT32),
          field(2, 'meta', Type.MESSAGE, { typeName: '.second.Meta' }),
          list(3, 'databases', '.second.DBI'),
        ],
      },
      {
        name: 'Meta',
        field: [
          field(1, 'generationID', Type.STRING),
          field(2, 'instanceID', Type.STRING),
          field(3, 'hostname', Type.STRING),
          field(4, 'lmdbTxnID', Type.INT64),
          field(5, 'timestampNano', Type.FIXED64),
          field(7, 'databaseName', Type.STRING),
          field(8, 'fromLmdbTxnID', Type.INT64),
        ],
      },
      {
        name: 'DBI',
        field: [
          field(1, 'name', Type.STRING),
          list(2, 'entries', '.second.KV'),
          field(3, 'flags', Type.UINT64),
          field(4, 'transform', Type.STRING),
        ],
      },
      {
        name: 'KV',
        field: [
          field(1, 'key', Type.BYTES),
          field(2, 'value', Type.BYTES),
          field(3, 'timestampNano', Type.FIXED64),
          field(4, 'flags', Type.UINT32),
        ],
      },
    ],
  }),
  () => undefined,
);

interface SecondSnapshot {
  formatVersion: number;
  compatVersion: number;
  meta?: Record<'generationID' | 'instanceID' | 'hostname' | 'databaseName', string> &
    Record<'lmdbTxnID' | 'timestampNano' | 'fromLmdbTxnID', bigint>;
  databases: {
    name: string;
    flags: bigint;
    transform: string;
    entries: { key: Uint8Array; value: Uint8Array; timestampNano: bigint; flags: number }[];
  }[];
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** Reads protobuf bytes with the library. */
export function readWithLibrary(raw: Uint8Array): PlainSnapshot {
  const schema: DescMessage = registry.getMessage('second.Snapshot')!;
  const message = fromBinary(schema, raw) as unknown as SecondSnapshot;
  const { meta } = message;
  return {
    formatVersion: message.formatVersion,
    compatVersion: message.compatVersion,
    meta: {
      generationId: meta?.generationID ?? '',
      instanceId: meta?.instanceID ?? '',
      hostname: meta?.hostname ?? '',
      databaseName: meta?.databaseName ?? '',
      lmdbTxnId: meta?.lmdbTxnID ?? 0n,
      timestampNano: toTimestampNano(meta?.timestampNano ?? 0n),
      fromLmdbTxnId: meta?.fromLmdbTxnID ?? 0n,
    },
    dbis: message.databases.map(({ name, flags, transform, entries }) => ({
      name,
      flags: Number(flags),
      transform,
      entries: entries.map((entry) => ({
        key: hex(entry.key),
        value: hex(entry.value),
        timestampNano: entry.timestampNano,
        flags: entry.flags,
      })),
    })),
  };
}

/** Puts fields in an order of the caller's choosing; repeated fields must keep theirs. */
export type Shuffle = <T>(fields: T[]) => T[];

type Write = (writer: BinaryWriter) => void;

const text = (number: number, value: string): Write => {
  return (writer) => void writer.tag(number, WireType.LengthDelimited).string(value);
};
const message = (number: number, fields: Write[]): Write => {
  return (writer) => {
    writer.tag(number, WireType.LengthDelimited).fork();
    for (const write of fields) write(writer);
    writer.join();
  };
};

/** Writes with the library, fields in any order, unknown fields among them when `unknown` is set. */
export function writeWithLibrary(snapshot: PlainSnapshot, shuffle: Shuffle, unknown = false): Buffer {
  const extra = (number: number): Write[] => {
    if (!unknown) return [];
    return [
      (writer) => void writer.tag(number, WireType.Varint).uint64(1n << 63n),
      (writer) => void writer.tag(number + 1, WireType.LengthDelimited).string('unknown '.repeat(40)),
      (writer) => void writer.tag(number + 2, WireType.Bit32).fixed32(7),
      (writer) => void writer.tag(number + 3, WireType.Bit64).fixed64(7n),
    ];
  };
  const { meta } = snapshot;
  const entryFields = (entry: PlainEntry): Write[] => [
    (writer) => void writer.tag(1, WireType.LengthDelimited).bytes(Buffer.from(entry.key, 'hex')),
    (writer) => void writer.tag(2, WireType.LengthDelimited).bytes(Buffer.from(entry.value, 'hex')),
    (writer) => void writer.tag(3, WireType.Bit64).fixed64(entry.timestampNano),
    (writer) => void writer.tag(4, WireType.Varint).uint32(entry.flags),
    ...extra(5),
  ];
  const dbiFields = (dbi: PlainDbi): Write[] => [
    text(1, dbi.name),
    (writer) => void writer.tag(3, WireType.Varint).uint64(dbi.flags),
    text(4, dbi.transform),
    (writer) => {
      for (const entry of dbi.entries) message(2, shuffle(entryFields(entry)))(writer);
    },
    ...extra(300),
  ];
  const metaFields: Write[] = [
    text(1, meta.generationId),
    text(2, meta.instanceId),
    text(3, meta.hostname),
    (writer) => void writer.tag(4, WireType.Varint).int64(meta.lmdbTxnId),
    (writer) => void writer.tag(5, WireType.Bit64).fixed64(meta.timestampNano),
    text(7, meta.databaseName),
    (writer) => void writer.tag(8, WireType.Varint).int64(meta.fromLmdbTxnId),
    ...extra(20_000),
  ];
  const fields: Write[] = [
    (writer) => void writer.tag(1, WireType.Varint).uint32(snapshot.formatVersion),
    (writer) => void writer.tag(4, WireType.Varint).uint32(snapshot.compatVersion),
    message(2, shuffle(metaFields)),
    (writer) => {
      for (const dbi of snapshot.dbis) message(3, shuffle(dbiFields(dbi)))(writer);
    },
    ...extra(5),
  ];
  const writer = new BinaryWriter();
  for (const write of shuffle(fields)) write(writer);
  return Buffer.from(writer.finish());
}
