import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  createStorage,
  type ObjectStorage,
  type S3Options,
  type StorageError,
  type StorageObserver,
} from '../../src/storage/index.ts';
import { s3OptionsFor, uniquePrefix, useSeaweedfs } from '../support/servers/index.ts';
import { describeObjectStorage } from './conformance.ts';
import { bytesOf, contentOf, failureOf, listOf, namesOf, randomBytes, repeatable } from './support.ts';

const seaweedfs = await useSeaweedfs();

const openS3 = (more: Partial<S3Options> = {}, observer?: StorageObserver): Promise<ObjectStorage> =>
  createStorage({ type: 's3', options: s3OptionsFor(seaweedfs, more) }, { observer });

describeObjectStorage('s3 (SeaweedFS)', { open: () => openS3(), histories: 6, moreNames: ['.hidden', 'x.tmp', 'a/b'] });

describeObjectStorage('s3 (SeaweedFS) with an update marker', {
  open: () => openS3({ useUpdateMarker: true }),
  histories: 6,
  refusedNames: ['update-marker'],
});

// Any other service: an extra run where the environment names one.
const { LMDBSTREAM_TEST_S3_ENDPOINT, LMDBSTREAM_TEST_S3_BUCKET } = process.env;
if (LMDBSTREAM_TEST_S3_ENDPOINT && LMDBSTREAM_TEST_S3_BUCKET) {
  describeObjectStorage(`s3 (${LMDBSTREAM_TEST_S3_ENDPOINT})`, {
    open: () =>
      createStorage({
        type: 's3',
        options: {
          endpointUrl: LMDBSTREAM_TEST_S3_ENDPOINT,
          bucket: LMDBSTREAM_TEST_S3_BUCKET,
          accessKey: process.env.LMDBSTREAM_TEST_S3_ACCESS_KEY,
          secretKey: process.env.LMDBSTREAM_TEST_S3_SECRET_KEY,
          globalPrefix: uniquePrefix(),
        },
      }),
    histories: 3,
  });
}

describe('s3', () => {
  it('lists more than one page', async () => {
    const storage = await openS3();
    const names = Array.from({ length: 1_203 }, (_, index) => `db__${String(index).padStart(5, '0')}`);
    for (let start = 0; start < names.length; start += 50) {
      await Promise.all(names.slice(start, start + 50).map((name) => storage.store(name, bytesOf('x'))));
    }
    expect(await namesOf(storage)).toEqual(names);
    expect(await namesOf(storage, 'db__012')).toEqual(['db__01200', 'db__01201', 'db__01202']);
    await storage.close();
  });

  it('sends a large body in parts and reads it back whole', async () => {
    const storage = await openS3({ numMinioThreads: 2 });
    const chunk = randomBytes(1_000_003);
    const body = repeatable(Array.from({ length: 70 }, () => chunk)); // 70 MB
    await storage.store('large', body);
    const { sizeBytes, stream } = await storage.load('large');
    expect(sizeBytes).toBe(body.sizeBytes);
    let position = 0;
    for await (const part of stream) {
      for (let done = 0; done < part.byteLength; ) {
        const at = position % chunk.byteLength;
        const same = Math.min(part.byteLength - done, chunk.byteLength - at);
        expect(Buffer.compare(part.subarray(done, done + same), chunk.subarray(at, at + same))).toBe(0);
        done += same;
        position += same;
      }
    }
    expect(position).toBe(body.sizeBytes);
    await storage.close();
  });

  it('keeps the old object when the body of an upload in parts fails', async () => {
    const storage = await openS3();
    await storage.store('kept', bytesOf('old'));
    const broken = new Error('the disk broke');
    const body = {
      sizeBytes: 80_000_000,
      async *open() {
        for (let sent = 0; sent < 40; sent++) yield randomBytes(1_000_000);
        throw broken;
      },
    };
    expect(await failureOf(storage.store('kept', body))).toBe(broken);
    expect((await contentOf(await storage.load('kept'))).toString()).toBe('old');
    await storage.close();
  });

  it('puts the global prefix before every name and takes it off', async () => {
    const outer = uniquePrefix();
    const plain = await openS3({ globalPrefix: outer });
    const inner = await openS3({ globalPrefix: `${outer}in-` });
    await inner.store('a', bytesOf('x'));
    await plain.store('b', bytesOf('x'));
    expect(await namesOf(inner)).toEqual(['a']);
    expect(await namesOf(plain)).toEqual(['b', 'in-a']);
    await Promise.all([plain.close(), inner.close()]);
  });

  it('shows, folds or hides folders', async () => {
    const globalPrefix = uniquePrefix();
    const all = await openS3({ globalPrefix });
    for (const name of ['a', 'bar/baz', 'foo/1', 'foo/2', 'z']) await all.store(name, bytesOf('x'));
    expect(await namesOf(all)).toEqual(['a', 'bar/baz', 'foo/1', 'foo/2', 'z']);
    const folded = await openS3({ globalPrefix, prefixFolders: true });
    expect(await namesOf(folded)).toEqual(['a', 'bar/', 'foo/', 'z']);
    for (const useUpdateMarker of [false, true]) {
      const hidden = await openS3({ globalPrefix, hideFolders: true, useUpdateMarker });
      expect(await namesOf(hidden)).toEqual(['a', 'z']);
      expect(await namesOf(hidden, 'bar/')).toEqual(['bar/baz']);
      await hidden.close();
    }
    await Promise.all([all.close(), folded.close()]);
  });

  it('takes a bucket that is there already, and says when there is none', async () => {
    await (await openS3({ bucket: 'made-twice' })).close();
    await (await openS3({ bucket: 'made-twice' })).close();
    const missing = await openS3({ bucket: 'not-there', createBucket: false });
    for (const call of [() => listOf(missing), () => missing.load('a')]) {
      const failure = await failureOf(call());
      expect(failure).toMatchObject({ notFound: true, errorLabel: 'NoSuchBucket' });
      expect((failure as StorageError).hint).toContain('create_bucket');
    }
    await missing.close();
  });

  it('needs only list and read rights to receive', async () => {
    const globalPrefix = uniquePrefix();
    const writer = await openS3({ globalPrefix, useUpdateMarker: true });
    await writer.store('a', bytesOf('hello'));
    for (const useUpdateMarker of [false, true]) {
      const reader = await openS3({ globalPrefix, useUpdateMarker, ...seaweedfs.reader, createBucket: false });
      expect(await namesOf(reader)).toEqual(['a']);
      expect((await contentOf(await reader.load('a'))).toString()).toBe('hello');
      const stored = await failureOf(reader.store('b', bytesOf('x')));
      expect(stored).toMatchObject({
        code: 'STORAGE_DENIED',
        denied: true,
        retryable: false,
        errorLabel: 'AccessDenied',
      });
      expect((stored as StorageError).hint).toContain('s3:PutObject');
      expect(await failureOf(reader.delete('a'))).toMatchObject({ denied: true });
      expect(await namesOf(reader)).toEqual(['a']);
      await reader.close();
    }
    await writer.close();
  });

  it('says which key is wrong', async () => {
    const unknown = await openS3({ accessKey: 'nobody', createBucket: false });
    expect(await failureOf(listOf(unknown))).toMatchObject({ denied: true, errorLabel: 'InvalidAccessKeyId' });
    const wrong = await openS3({ secretKey: 'wrong', createBucket: false });
    expect(await failureOf(listOf(wrong))).toMatchObject({ denied: true, errorLabel: 'SignatureDoesNotMatch' });
    await Promise.all([unknown.close(), wrong.close()]);
  });

  it('says when nobody answers', async () => {
    const away = await openS3({ endpointUrl: 'http://127.0.0.1:1', createBucket: false });
    expect(await failureOf(listOf(away))).toMatchObject({ retryable: true, errorLabel: 'URLError' });
    await away.close();
    const unnamed = await openS3({ endpointUrl: 'http://no-such-host.invalid', createBucket: false });
    expect(await failureOf(listOf(unnamed))).toMatchObject({ retryable: true, errorLabel: 'DNSError' });
    await unnamed.close();
  });

  it('tells an observer of every call', async () => {
    const calls: unknown[] = [];
    const observer: StorageObserver = {
      call: (method, outcome, durationMs, bytes) => {
        expect(durationMs).toBeGreaterThanOrEqual(0);
        calls.push([method, outcome.ok || outcome.errorLabel, bytes]);
      },
    };
    const storage = await openS3({}, observer);
    await storage.store('a', bytesOf('12345'));
    await listOf(storage);
    await contentOf(await storage.load('a'));
    await failureOf(storage.load('missing'));
    await storage.delete('a');
    await storage.close();
    expect(calls).toEqual([
      ['create-bucket', true, 0],
      ['store', true, 5],
      ['list', true, 0],
      ['load', true, 5],
      ['load', true, 0],
      ['delete', true, 0],
    ]);
    calls.length = 0;
    const reader = await openS3({ ...seaweedfs.reader, createBucket: false }, observer);
    await failureOf(reader.store('a', bytesOf('1')));
    expect(calls).toEqual([['store', 'AccessDenied', 0]]);
    await reader.close();
  });
});

describe('s3: key files', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lmdbstream-keys-'));
  });
  afterAll(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  it('are read again after their interval, their last newline is not part of the key', async () => {
    const accessKeyFile = join(folder, 'access');
    const secretKeyFile = join(folder, 'secret');
    const replace = async (file: string, text: string): Promise<void> => {
      await writeFile(`${file}.new`, text);
      await rename(`${file}.new`, file);
    };
    await replace(accessKeyFile, `${seaweedfs.admin.accessKey}\n`);
    await replace(secretKeyFile, `${seaweedfs.admin.secretKey}\r\n`);
    let now = 1_000_000;
    const { accessKey: _, secretKey: __, ...options } = s3OptionsFor(seaweedfs);
    const files = { accessKeyFile, secretKeyFile, secretsRefreshIntervalMs: 15_000 };
    const storage = await createStorage({ type: 's3', options: { ...options, ...files } }, { now: () => now });
    await storage.store('a', bytesOf('x'));

    await replace(secretKeyFile, 'rotated away');
    now += 14_999;
    expect(await namesOf(storage)).toEqual(['a']);
    now += 1;
    expect(await failureOf(listOf(storage))).toMatchObject({ denied: true, errorLabel: 'SignatureDoesNotMatch' });

    await replace(secretKeyFile, seaweedfs.admin.secretKey);
    now += 15_000;
    expect(await namesOf(storage)).toEqual(['a']);

    // A file that has gone for a moment changes nothing.
    await rm(accessKeyFile);
    now += 15_000;
    expect(await namesOf(storage)).toEqual(['a']);
    await storage.close();
  });

  it('that were never there are reported', async () => {
    const { accessKey: _, secretKey: __, ...options } = s3OptionsFor(seaweedfs, { createBucket: false });
    const files = { accessKeyFile: join(folder, 'none'), secretKeyFile: join(folder, 'none') };
    const storage = await createStorage({ type: 's3', options: { ...options, ...files } });
    expect(await failureOf(listOf(storage))).toMatchObject({ denied: true, errorLabel: 'KeyFile' });
    await storage.close();
  });
});
