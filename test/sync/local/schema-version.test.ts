import { describe, expect, it } from 'vitest';
import { HeaderWriter } from '../../../src/merge/index.ts';
import { MemoryStorage } from '../../../src/storage/index.ts';
import { Instance } from '../../support/fleet/instance.ts';

const KEY = 'schemaversion';
/** As PowerDNS 4.7 writes it. */
const BARE_4 = Buffer.from([4, 0, 0, 0]);

/** As PowerDNS 4.8 and later write a value. */
function headered(value: Uint8Array, nano: bigint): Buffer {
  const header = new HeaderWriter(1);
  return Buffer.concat([header.set(Number(nano >> 32n), Number(nano & 0xffff_ffffn), 0), value]);
}

const version = (number: number, nano = 1n): Buffer => headered(Buffer.from([0, 0, 0, number]), nano);

describe('shadow mode: PowerDNS changes its schema version', () => {
  function machine(bucket: MemoryStorage, name: string, lmdb: Record<string, unknown> = {}) {
    const instance = new Instance({ name, bucket, lmdb });
    instance.application.put('pdns', KEY, BARE_4);
    instance.put('zone', name);
    return instance;
  }

  it('that database ends before anything of it is published, at every start, and its peers know nothing of it', async () => {
    const bucket = new MemoryStorage();
    const [a, b] = [machine(bucket, 'a'), machine(bucket, 'b')];
    a.start();
    b.start();
    await b.until('in step', () => b.status.mergedObjects > 0);
    a.application.batch(
      { op: 'put', dbi: 'pdns', key: KEY, value: version(5) },
      { op: 'put', dbi: 'domains_v5', key: 'new', value: version(1) },
      { op: 'del', dbi: 'd', key: 'zone' },
    );
    const stored = [...a.storage.stored];
    const told = { code: 'PDNS_SCHEMA_CHANGED', hint: expect.stringContaining('docs/powerdns.md') };
    await expect(a.end()).rejects.toMatchObject(told);
    await expect(a.start().end()).rejects.toMatchObject(told);
    expect(a.storage.stored).toEqual(stored);
    expect(b.application.scan('pdns')).toEqual([[Buffer.from(KEY).toString('hex'), BARE_4.toString('hex')]]);
    expect(b.texts().zone).toBeDefined();
  });

  it('accept_schema_change: it travels', async () => {
    const bucket = new MemoryStorage();
    const accepting = { accept_schema_change: true };
    const [a, b] = [machine(bucket, 'a', accepting), machine(bucket, 'b', accepting)];
    a.start();
    b.start();
    await b.until('in step', () => b.status.mergedObjects > 0);
    a.application.put('pdns', KEY, version(5));
    await b.until('it has come', () => b.application.scan('pdns')[0]?.[1] === version(5).toString('hex'));
  });
});

describe('native mode: machines of two schemas', () => {
  const lmdb = { schema_tracks_changes: true };

  function machine(bucket: MemoryStorage, name: string, schema: number) {
    const instance = new Instance({ name, bucket, lmdb });
    instance.application.put('pdns', KEY, version(schema, BigInt(schema)));
    instance.application.put('d', name, headered(Buffer.from('x'), 1n));
    return instance;
  }
  const keys = ({ application }: Instance) => application.scan('d').map(([key]) => Buffer.from(key, 'hex').toString());

  it('refuse what the other wrote, and a rolling upgrade goes on as they follow', async () => {
    const bucket = new MemoryStorage();
    const [a, b] = [machine(bucket, 'a', 5), machine(bucket, 'b', 6)];
    a.start();
    b.start();
    await a.until('refused', () => a.status.refusedObjects > 0);
    await b.until('refused', () => b.status.refusedObjects > 0);
    expect(a.told('error', 'schema version 6')[0]).toContain('docs/powerdns.md');
    expect(keys(a)).toEqual(['a']);
    expect(keys(b)).toEqual(['b']);
    a.application.put('pdns', KEY, version(6, 7n));
    await a.until('follows', () => keys(a).join() === 'a,b');
    await b.until('and is read', () => keys(b).join() === 'a,b');
  });

  it('an LMDB that PowerDNS has not written yet takes whatever there is', async () => {
    const bucket = new MemoryStorage();
    machine(bucket, 'a', 6).start();
    const b = new Instance({ name: 'b', bucket, lmdb }).start();
    await b.until('joined', () => keys(b).join() === 'a');
  });
});

describe('native mode: an instance that changed nothing', () => {
  it('publishes nothing, into an empty bucket and after joining', async () => {
    const bucket = new MemoryStorage();
    const lmdb = { schema_tracks_changes: true };
    const b = new Instance({ name: 'b', bucket, lmdb }).start();
    await b.running();
    const a = new Instance({ name: 'a', bucket, lmdb });
    a.application.put('d', 'k', headered(Buffer.from('v'), 1n));
    a.start();
    await b.until('joined', () => b.application.info().last_txnid > 0 && b.status.mergedObjects === 1);
    a.application.put('d', 'k2', headered(Buffer.from('v'), 2n));
    await b.until('in step', () => b.application.scan('d').length === 2);
    expect(b.storage.stored).toEqual([]);
  });
});
