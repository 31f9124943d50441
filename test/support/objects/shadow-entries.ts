import { shadowName } from '../../../src/shadow/store/names.ts';
import type { Peer } from '../fleet/peer.ts';

export interface ShadowEntry {
  readonly nano: bigint;
  readonly deleted: boolean;
  readonly value: string;
}

/** The shadow of a DBI, by (shadow) key; everything latin1. In a sidecar `value` is what is kept of it. */
export function shadowOf(peer: Peer, dbi: string): Record<string, ShadowEntry> {
  const pairs = peer.shadowDump().get(shadowName(dbi)) ?? [];
  return Object.fromEntries(pairs.map(([key, stored]) => [key, entryOf(stored)]));
}

export function entryOf(stored: string): ShadowEntry {
  const bytes = Buffer.from(stored, 'latin1');
  return {
    nano: bytes.readBigUInt64BE(0),
    deleted: (bytes[17]! & 1) === 1,
    value: bytes.toString('latin1', 24),
  };
}

/** A value with its header, as an application in native mode writes it; `undefined`: a deletion mark. */
export function storedEntry(nano: bigint, value: string | undefined): Buffer {
  const header = Buffer.alloc(24);
  header.writeBigUInt64BE(nano, 0);
  header[17] = value === undefined ? 1 : 0;
  return Buffer.concat([header, Buffer.from(value ?? '')]);
}
