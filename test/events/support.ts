import type { ChangedKey, ChangeEvent } from '../../src/sync/index.ts';

export function put(key: string, value?: string): ChangedKey {
  const bytes = Buffer.from(key, 'latin1');
  return value === undefined
    ? { key: bytes, kind: 'put' }
    : { key: bytes, value: Buffer.from(value, 'latin1'), kind: 'put' };
}

export function change(
  dbis: Readonly<Record<string, readonly ChangedKey[] | undefined>>,
  more: Partial<ChangeEvent> = {},
): ChangeEvent {
  return {
    db: 'main',
    atMs: 1_700_000_000_000,
    txnId: 7,
    origin: { kind: 'remote', instanceId: 'b' },
    dbis: Object.entries(dbis).map(([name, keys]) => ({ name, keys })),
    ...more,
  };
}

/** A key of `domains_0` (schema 4) for `labels`, outermost first. */
export function zone(labels: string, id: number): ChangedKey {
  const value = Buffer.alloc(4);
  value.writeUInt32LE(id);
  return put(reversed(labels), value.toString('latin1'));
}

/** A key of `domains_v5_0`. */
export function zoneV5(labels: string, id: number): ChangedKey {
  const name = reversed(labels);
  const head = Buffer.alloc(2);
  head.writeUInt16BE(name.length);
  return put(head.toString('latin1') + name + idText(id));
}

/** A key of `records` for a name relative to its zone. */
export function record(zoneId: number, relativeName: string, type = 1): ChangedKey {
  return put(`${idText(zoneId)}${reversed(relativeName)}\0\0${String.fromCharCode(type)}`);
}

function reversed(name: string): string {
  if (name === '') return '\0';
  return name
    .split('.')
    .reverse()
    .map((label) => `${label}\0`)
    .join('');
}

function idText(id: number): string {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(id);
  return bytes.toString('latin1');
}
