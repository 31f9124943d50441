import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { compareNames, type ObjectBody, type ObjectStorage, Spool, StorageError } from '../../src/storage/index.ts';
import { bytesOf, contentOf, failureOf, listOf, namesOf, randomBytes, repeatable } from './support.ts';

export interface ConformanceOptions {
  /** A storage with nothing in it; closed at the end. */
  readonly open: () => Promise<ObjectStorage>;
  /** Runs of the random history; each is some ten calls. */
  readonly histories: number;
  /** Names that are refused besides the empty one. */
  readonly refusedNames?: readonly string[];
  /** Names that this storage takes besides the usual ones. */
  readonly moreNames?: readonly string[];
}

const USUAL_NAMES = [
  'db__instance__20260101-000000-000000001__GX.pb.gz',
  'db__instance__20260101-000000-000000001__GX__F20251231-235959-999999999.delta.pb.gz',
  'main__a-b__x',
  'A',
  'a',
  'a b',
  'a+b',
  'a%20b',
  'a&b=c?d#e',
  "it's",
  'naïve',
  '日本',
];

/** What every backend must do alike; the words are those of `ObjectStorage`. */
export function describeObjectStorage(title: string, options: ConformanceOptions): void {
  describe(`${title}: conformance`, () => {
    let storage: ObjectStorage;

    beforeAll(async () => {
      storage = await options.open();
    });
    afterAll(async () => {
      await storage?.close();
    });
    beforeEach(async () => {
      for (const name of await namesOf(storage)) await storage.delete(name);
    });

    it('lists nothing where nothing is', async () => {
      expect(await listOf(storage)).toEqual([]);
      await storage.store('a__1', bytesOf('x'));
      expect(await listOf(storage, 'b__')).toEqual([]);
    });

    it.each([0, 1, 65_535, 65_536, 300_001, 5_000_001])('gives back %i bytes as they were', async (sizeBytes) => {
      const bytes = randomBytes(sizeBytes);
      await storage.store('whole', bytes);
      const download = await storage.load('whole');
      expect(download.sizeBytes).toBe(sizeBytes);
      expect((await contentOf(download)).equals(bytes)).toBe(true);
      const [info] = await listOf(storage);
      expect(info).toMatchObject({ name: 'whole', sizeBytes });
      expect(info?.modifiedMs).toBeTypeOf('number');
    });

    it('takes a body of chunks of any size, again and again', async () => {
      const bytes = randomBytes(700_001);
      const body = repeatable([
        bytes.subarray(0, 1),
        bytes.subarray(1, 1),
        bytes.subarray(1, 90_000),
        bytes.subarray(90_000),
      ]);
      await storage.store('first', body);
      await storage.store('second', body);
      expect((await contentOf(await storage.load('first'))).equals(bytes)).toBe(true);
      expect((await contentOf(await storage.load('second'))).equals(bytes)).toBe(true);
    });

    it.each([false, true])('takes a spool (with its own MD5: %s)', async (md5) => {
      const bytes = randomBytes(400_000);
      using spool = new Spool({ memoryBytes: 100_000, md5 });
      spool.append(bytes);
      await storage.store('spooled', spool.finish());
      expect((await contentOf(await storage.load('spooled'))).equals(bytes)).toBe(true);
    });

    it('keeps no hold of the caller’s bytes, and gives no hold of its own', async () => {
      const bytes = bytesOf('as it was');
      await storage.store('copied', bytes);
      bytes.fill(0);
      const loaded = await contentOf(await storage.load('copied'));
      expect(loaded.toString()).toBe('as it was');
      for await (const chunk of (await storage.load('copied')).stream) chunk.fill(0);
      expect((await contentOf(await storage.load('copied'))).toString()).toBe('as it was');
    });

    it('replaces an object', async () => {
      await storage.store('again', randomBytes(200_000));
      await storage.store('again', bytesOf('short'));
      expect((await contentOf(await storage.load('again'))).toString()).toBe('short');
      expect(await listOf(storage)).toHaveLength(1);
    });

    it('says notFound for a missing object', async () => {
      const error = await failureOf(storage.load('missing'));
      expect(error).toBeInstanceOf(StorageError);
      expect(error).toMatchObject({ notFound: true, denied: false, retryable: false, operation: 'load' });
      expect(error).toMatchObject({ code: 'STORAGE_NOT_FOUND', errorLabel: 'NotFound' });
    });

    it('deletes, and does not mind a missing object', async () => {
      await storage.store('gone', bytesOf('x'));
      await storage.delete('gone');
      await storage.delete('gone');
      await storage.delete('never-there');
      expect(await listOf(storage)).toEqual([]);
      expect(await failureOf(storage.load('gone'))).toMatchObject({ notFound: true });
    });

    it('lists by prefix, in the order of bytes', async () => {
      const names = [...USUAL_NAMES, ...(options.moreNames ?? [])];
      for (const name of names) await storage.store(name, bytesOf(name));
      const inOrder = [...names].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
      expect(await namesOf(storage)).toEqual(inOrder);
      expect([...names].sort(compareNames)).toEqual(inOrder);
      expect(await namesOf(storage, 'a')).toEqual(inOrder.filter((name) => name.startsWith('a')));
      expect(await namesOf(storage, 'main__')).toEqual(['main__a-b__x']);
      for (const name of names) expect((await contentOf(await storage.load(name))).toString()).toBe(name);
    });

    it('refuses a name that it could not show again', async () => {
      for (const name of ['', 'a\0b', ...(options.refusedNames ?? [])]) {
        expect(await failureOf(storage.store(name, bytesOf('x'))), name).toMatchObject({ denied: true });
        expect(await failureOf(storage.delete(name)), name).toMatchObject({ denied: true });
        expect(await failureOf(storage.load(name)), name).toMatchObject({ notFound: true });
      }
      expect(await listOf(storage)).toEqual([]);
    });

    it('keeps the old object when a body fails, and gives back its error', async () => {
      await storage.store('kept', bytesOf('old'));
      const broken = new Error('the disk broke');
      const body: ObjectBody = {
        sizeBytes: 900_000,
        async *open() {
          yield randomBytes(300_000);
          throw broken;
        },
      };
      expect(await failureOf(storage.store('kept', body))).toBe(broken);
      expect(await failureOf(storage.store('new', body))).toBe(broken);
      expect((await contentOf(await storage.load('kept'))).toString()).toBe('old');
      expect(await namesOf(storage)).toEqual(['kept']);
    });

    it.each([-1, 1])('keeps the old object when a body is not as long as announced (%i)', async (difference) => {
      await storage.store('kept', bytesOf('old'));
      const chunks = repeatable([randomBytes(100_000), randomBytes(100_000)]);
      await expect(storage.store('kept', { ...chunks, sizeBytes: 200_000 - difference })).rejects.toThrow();
      expect((await contentOf(await storage.load('kept'))).toString()).toBe('old');
    });

    it('shows an object only when all of it is there', async () => {
      await storage.store('slow', bytesOf('old'));
      const bytes = randomBytes(300_000);
      let looked = 0;
      const body: ObjectBody = {
        sizeBytes: bytes.byteLength,
        async *open() {
          yield bytes.subarray(0, 150_000);
          expect((await contentOf(await storage.load('slow'))).toString()).toBe('old');
          expect(await listOf(storage)).toMatchObject([{ name: 'slow', sizeBytes: 3 }]);
          looked++;
          yield bytes.subarray(150_000);
        },
      };
      await storage.store('slow', body);
      expect(looked).toBeGreaterThan(0);
      expect((await contentOf(await storage.load('slow'))).equals(bytes)).toBe(true);
    });

    it('rejects an aborted call with the reason', async () => {
      await storage.store('there', bytesOf('x'));
      const reason = new Error('shutting down');
      const signal = AbortSignal.abort(reason);
      expect(await failureOf(storage.store('there', bytesOf('y'), { signal }))).toBe(reason);
      expect(await failureOf(storage.load('there', { signal }))).toBe(reason);
      expect(await failureOf(storage.delete('there', { signal }))).toBe(reason);
      expect(await failureOf(listOf(storage, '', { signal }))).toBe(reason);
      expect((await contentOf(await storage.load('there'))).toString()).toBe('x');
    });

    it('stops in the middle of an upload when aborted, and keeps the old object', async () => {
      await storage.store('kept', bytesOf('old'));
      const controller = new AbortController();
      const reason = new Error('shutting down');
      const body: ObjectBody = {
        sizeBytes: 2_000_000,
        async *open() {
          yield randomBytes(1_000_000);
          controller.abort(reason);
          yield randomBytes(1_000_000);
        },
      };
      expect(await failureOf(storage.store('kept', body, { signal: controller.signal }))).toBe(reason);
      expect((await contentOf(await storage.load('kept'))).toString()).toBe('old');
    });

    it('stops in the middle of a download when aborted', async () => {
      await storage.store('long', randomBytes(8_000_000));
      const controller = new AbortController();
      const reason = new Error('shutting down');
      const { stream } = await storage.load('long', { signal: controller.signal });
      const reading = (async () => {
        for await (const _ of stream) controller.abort(reason);
      })();
      expect(await failureOf(reading)).toBe(reason);
    });

    it('survives a reader that leaves early, or never comes', async () => {
      await storage.store('long', randomBytes(8_000_000));
      for (let round = 0; round < 3; round++) {
        await storage.load('long');
        for await (const _ of (await storage.load('long')).stream) break;
      }
      expect((await contentOf(await storage.load('long'))).byteLength).toBe(8_000_000);
    });

    it('has one whole object after many wrote the same name', async () => {
      const bodies = Array.from({ length: 6 }, (_, index) => Buffer.alloc(100_000 + index, index));
      await Promise.all(bodies.map((body) => storage.store('race', body)));
      const content = await contentOf(await storage.load('race'));
      expect(bodies.some((body) => body.equals(content))).toBe(true);
    });

    it('behaves like a map, whatever the history', async () => {
      const name = fc.constantFrom('a', 'b', 'ab', 'ba');
      const call = fc.oneof(
        fc.record({ kind: fc.constant('store' as const), name, content: fc.uint8Array({ maxLength: 9 }) }),
        fc.record({ kind: fc.constant('delete' as const), name }),
        fc.record({ kind: fc.constant('load' as const), name }),
        fc.record({ kind: fc.constant('list' as const), name }),
      );
      const history = fc.array(call, { minLength: 4, maxLength: 16 });
      await fc.assert(
        fc.asyncProperty(history, async (calls) => {
          for (const left of await namesOf(storage)) await storage.delete(left);
          const model = new Map<string, Uint8Array>();
          for (const step of calls) {
            if (step.kind === 'store') {
              await storage.store(step.name, step.content);
              model.set(step.name, step.content);
            } else if (step.kind === 'delete') {
              await storage.delete(step.name);
              model.delete(step.name);
            } else if (step.kind === 'list') {
              const expected = [...model.keys()].filter((key) => key.startsWith(step.name)).sort();
              expect(await namesOf(storage, step.name)).toEqual(expected);
            } else {
              const expected = model.get(step.name);
              if (expected === undefined)
                expect(await failureOf(storage.load(step.name))).toMatchObject({ notFound: true });
              else expect(await contentOf(await storage.load(step.name))).toEqual(Buffer.from(expected));
            }
          }
        }),
        { numRuns: options.histories },
      );
    });
  });
}
