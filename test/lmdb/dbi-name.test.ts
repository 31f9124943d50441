import { describe, expect, it } from 'vitest';
import { compareDbiNames, dbiNameBytes, dbiNameOf, isDbiName, showDbiName } from '../../src/lmdb/index.ts';
import { openEnvironment, startApplication } from './environments.ts';

const of = (...bytes: number[]): Buffer => Buffer.from(bytes);

describe('names of DBIs', () => {
  it('a name that is UTF-8 is its text', () => {
    for (const name of ['data', 'zoné', '\u{1f33f}/x', '\ufffd', '\ufeffdata']) {
      expect(dbiNameOf(Buffer.from(name))).toBe(name);
      expect(dbiNameBytes(name)).toEqual(Buffer.from(name));
      expect(showDbiName(name)).toBe(name);
    }
  });

  it.each([
    ['a byte that begins nothing', of(0x61, 0xff, 0x62), 'a\\xffb'],
    ['a sequence cut off', of(0x61, 0xc3), 'a\\xc3'],
    ['one too long for what it says', of(0xc0, 0x80), '\\xc0\\x80'],
    ['a surrogate as UTF-8 would have it', of(0xed, 0xb2, 0x80), '\\xed\\xb2\\x80'],
    ['beyond the last character', of(0xf4, 0x90, 0x80, 0x80), '\\xf4\\x90\\x80\\x80'],
    [
      'valid and invalid ones beside each other',
      of(0xc3, 0xa9, 0x80, 0xf0, 0x9f, 0x8c, 0xbf, 0x8c),
      'é\\x80\u{1f33f}\\x8c',
    ],
  ])('%s: keeps its bytes', (_, bytes, shown) => {
    const name = dbiNameOf(bytes);
    expect(dbiNameBytes(name)).toEqual(bytes);
    expect(showDbiName(name)).toBe(shown);
  });

  it('two names are equal exactly when their bytes are, and sort as they do', () => {
    // All names of up to three bytes out of those that matter to UTF-8.
    const alphabet = [0x61, 0x80, 0x9f, 0xa0, 0xbf, 0xc2, 0xe0, 0xed, 0xef, 0xf0, 0xf4, 0xff];
    const names = new Map<string, Buffer>();
    let count = 0;
    const extend = (bytes: Buffer): void => {
      if (bytes.length > 0) {
        const name = dbiNameOf(bytes);
        expect(dbiNameBytes(name).equals(bytes)).toBe(true);
        names.set(name, bytes);
        count++;
      }
      if (bytes.length < 3) for (const byte of alphabet) extend(Buffer.concat([bytes, of(byte)]));
    };
    extend(of());
    expect(names.size).toBe(count);
    const sorted = [...names.keys()].sort(compareDbiNames).map((name) => names.get(name)!);
    expect(sorted).toEqual([...names.values()].sort(Buffer.compare));
  });

  it('what no DBI can be called: nothing, a NUL, more bytes than a key', () => {
    expect(['', 'a\0b', 'é'.repeat(256), '\udcff'.repeat(512)].map(isDbiName)).toEqual([false, false, false, false]);
    expect(['a', 'é'.repeat(255), '\udcff'.repeat(511)].map(isDbiName)).toEqual([true, true, true]);
  });

  it('reach liblmdb byte for byte, both ways', async () => {
    const environment = openEnvironment();
    const application = await startApplication(environment.path);
    const names = [of(0x64, 0xfe), of(0x64, 0xff), Buffer.from('dé')].map((bytes) => dbiNameOf(bytes));
    await application.batch(
      ...names.slice(0, 2).map((dbi) => ({ op: 'put', dbi, key: 'k', value: dbi.at(-1)! }) as const),
    );
    expect(Object.keys(await application.dbis())).toEqual(names.slice(0, 2));
    environment.write((transaction) => void transaction.openOrCreateDbi(names[2]!, 0));
    const inOrder = [...names].sort(compareDbiNames);
    expect(Object.keys(await application.dbis())).toEqual(inOrder);
    expect(environment.read((transaction) => transaction.dbiNames())).toEqual(inOrder);
  });
});
