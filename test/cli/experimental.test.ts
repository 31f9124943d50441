import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { entriesOf, writeLmdb } from '../support/pdns-files.ts';
import { Workplace } from './harness.ts';
import { initFor, zoneKey } from './pdns-workplace.ts';

let place: Workplace;
beforeEach(() => {
  place = new Workplace();
});
afterEach(() => place.remove());

const b = (text: string): Buffer => Buffer.from(text);

describe('experimental', () => {
  const time = (hex: Buffer): bigint => hex.readBigUInt64BE(0);
  const stamped = (nano: bigint, value = '', flags = 0): Buffer => {
    const header = Buffer.alloc(24);
    header.writeBigUInt64BE(nano);
    header[17] = flags;
    return Buffer.concat([header, b(value)]);
  };
  const migrate = ['experimental', 'migrate-timestamps', '-d', 'main', '--src-dbi', 'src', '--dst-dbi', 'dst'];

  function two(src: Record<string, Buffer>, dst: Record<string, Buffer>): void {
    place.fill('main', (transaction) => {
      for (const [name, entries] of Object.entries({ src, dst })) {
        const dbi = transaction.openOrCreateDbi(name, 0);
        for (const [key, value] of Object.entries(entries)) transaction.put(dbi, b(key), value);
      }
    });
  }
  const result = (): Record<string, [bigint, number, string]> =>
    Object.fromEntries(
      [...entriesOf(join(place.lmdbPath('main'), 'data.mdb'), 'dst')].map(([key, value]) => [
        Buffer.from(key, 'hex').toString(),
        [time(value), value[17]!, value.toString('latin1', 24)],
      ]),
    );

  it('migrate-timestamps copies newer times, and marks deletions only when it is told to', async () => {
    const src = { a: stamped(5n, 'old'), b: stamped(5n), gone: stamped(7n, '', 1), short: stamped(3n).subarray(0, 8) };
    two(src, { a: stamped(0n, 'A'), b: stamped(9n, 'B'), c: stamped(0n, 'C') });
    expect(await place.run(migrate)).toMatchObject({ code: 0, stderr: expect.stringContaining('n_updated=1') });
    expect(result()).toEqual({ a: [5n, 0, 'A'], b: [9n, 0, 'B'], c: [0n, 0, 'C'] });
    expect(await place.run([...migrate, '--add-delete-entries'])).toMatchObject({ code: 0 });
    expect(result()).toMatchObject({ gone: [7n, 1, ''], short: [3n, 1, ''] });
  });

  it.each([
    ['the same DBI twice', ['--dst-dbi', 'src'], 2, /cannot be the same/],
    ['an unknown database', ['-d', 'third'], 2, /no database "third"/],
    ['a missing source', ['--src-dbi', 'none'], 1, /source DBI none does not exist/],
    ['a missing destination', ['--dst-dbi', 'none'], 1, /destination DBI none does not exist/],
  ])('migrate-timestamps refuses %s', async (_, words, code, message) => {
    two({ a: stamped(5n) }, { a: stamped(0n) });
    const outcome = await place.run([...migrate, ...words]);
    expect(outcome.code).toBe(code);
    expect(outcome.stderr).toMatch(message);
    expect(result()).toEqual({ a: [0n, 0, ''] });
  });

  it.each([
    ['a short value there', { a: stamped(5n) }, { a: b('short') }],
    ['a short value in the source', { a: b('1234567') }, { a: stamped(0n) }],
    ['a deleted entry with a value', { z: stamped(5n, 'value', 1) }, { a: stamped(0n) }],
  ])('migrate-timestamps writes nothing for %s', async (_, src, dst) => {
    two(src, dst);
    const before = readFileSync(join(place.lmdbPath('main'), 'data.mdb'));
    expect(await place.run([...migrate, '--add-delete-entries'])).toMatchObject({ code: 1 });
    expect(readFileSync(join(place.lmdbPath('main'), 'data.mdb')).equals(before)).toBe(true);
  });

  it('migrate-timestamps does nothing without a source, when that is wanted', async () => {
    two({}, { a: stamped(0n) });
    const outcome = await place.run([...migrate, '--src-dbi', 'none', '--ignore-src-dbi-not-present']);
    expect(outcome).toMatchObject({ code: 0, stderr: expect.stringContaining('no migration performed') });
  });

  it.each(['pdns-4.9.18', 'pdns-5.1.5'])('pdns-v5-fix-duplicate-domains renames the newer zone, %s', async (name) => {
    const { config, main } = await initFor(place, `${name}/before`);
    writeLmdb(main, (transaction) => {
      const dbi = transaction.openDbi('domains_v5_0')!;
      transaction.put(dbi, zoneKey('example\0twice\0', 7), stamped(9n));
      transaction.put(dbi, zoneKey('example\0twice\0', 8), stamped(5n));
      transaction.put(dbi, zoneKey('example\0twice\0', 9), stamped(1n, '', 1));
    });
    const words = ['-c', config, 'experimental', 'pdns-v5-fix-duplicate-domains', '-d', 'main'];
    const before = readFileSync(main);
    const looked = await place.run(words);
    expect(looked).toMatchObject({ code: 0, stdout: '', stderr: expect.stringContaining('Duplicate domain entry!') });
    expect(readFileSync(main).equals(before)).toBe(true);
    const renamed = await place.run([...words, '--dangerous-do-rename']);
    expect(renamed).toMatchObject({ code: 0, stdout: expect.stringContaining('- twice.example.dup-7.invalid\n') });
    const index = entriesOf(main, 'domains_v5_0');
    const of = (zone: string, id: number) => index.get(zoneKey(zone, id).toString('hex'));
    expect(of('example\0twice\0', 7)![17]).toBe(1);
    expect(of('example\0twice\0', 8)).toEqual(stamped(5n));
    expect(of('invalid\0dup-7\0example\0twice\0', 7)![17]).toBe(0);
    const again = await place.run(words);
    expect(again.stderr).not.toContain('Duplicate');
    expect(again.stdout).toContain('- twice.example.dup-7.invalid\n');
  });

  it('pdns-v5-fix-duplicate-domains refuses schema 4, and what is no PowerDNS', async () => {
    const { config } = await initFor(place, 'pdns-4.7.3/before');
    const words = ['experimental', 'pdns-v5-fix-duplicate-domains', '-d', 'main'];
    expect(await place.run(['-c', config, ...words])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('version is 4'),
    });
    place.fill('main', () => {});
    expect(await place.run(words)).toMatchObject({ code: 1, stderr: expect.stringContaining('no DBI pdns') });
  });
});
