import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ContainerClient, StorageSharedKeyCredential } from '@azure/storage-blob';
import { describe, expect, it } from 'vitest';
import { AzureBucket } from '../../src/storage/azure/azure-bucket.ts';
import { azureFailure } from '../../src/storage/azure/azure-errors.ts';
import { BucketClock } from '../../src/storage/bucket/bucket-clock.ts';
import { CallRunner } from '../../src/storage/bucket/call.ts';
import { type AzureOptions, createStorage, type ObjectStorage, type StorageError } from '../../src/storage/index.ts';
import { azureOptionsFor, uniquePrefix, useAzurite } from '../support/servers/index.ts';
import { describeObjectStorage } from './conformance.ts';
import { bytesOf, contentOf, failureOf, listOf, namesOf, randomBytes, repeatable } from './support.ts';

const azurite = await useAzurite();

const openAzure = (more: Partial<AzureOptions> = {}): Promise<ObjectStorage> =>
  createStorage({ type: 'azure', options: azureOptionsFor(azurite, more) });

describeObjectStorage('azure (Azurite)', {
  open: () => openAzure(),
  histories: 8,
  moreNames: ['.hidden', 'x.tmp', 'a/b'],
});

describeObjectStorage('azure (Azurite) with an update marker', {
  open: () => openAzure({ useUpdateMarker: true }),
  histories: 8,
  refusedNames: ['update-marker'],
});

describe('azure', () => {
  it('lists more than one page', async () => {
    const { accountName, accountKey, endpointUrl } = azurite;
    const credential = new StorageSharedKeyCredential(accountName, accountKey);
    const client = new ContainerClient(`${endpointUrl}/tests`, credential);
    const bucket = new AzureBucket(
      new CallRunner(60_000, azureFailure),
      { client: async () => client, concurrency: 1, pageSize: 10, clock: new BucketClock(Date.now) },
      () => {},
    );
    const storage = await openAzure();
    const prefix = uniquePrefix();
    const keys = Array.from({ length: 53 }, (_, index) => `${prefix}${String(index).padStart(5, '0')}`);
    await Promise.all(keys.map((key) => bucket.put(key, repeatable([bytesOf('x')]), {})));
    const listed: string[] = [];
    for await (const page of bucket.list(prefix, {})) listed.push(...page.map(({ name }) => name));
    expect(listed).toEqual(keys);
    await storage.close();
  });

  it('sends a large body in blocks and reads it back whole', async () => {
    const storage = await openAzure({ concurrency: 3 });
    const chunk = randomBytes(1_000_003);
    const body = repeatable(Array.from({ length: 70 }, () => chunk));
    await storage.store('large', body);
    const whole = await contentOf(await storage.load('large'));
    expect(whole.byteLength).toBe(body.sizeBytes);
    for (let index = 0; index < 70; index++) {
      const part = whole.subarray(index * chunk.byteLength, (index + 1) * chunk.byteLength);
      expect(part.equals(chunk)).toBe(true);
    }
    await storage.close();
  });

  it('keeps the old object when the body of an upload in blocks fails', async () => {
    const storage = await openAzure();
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
    const plain = await openAzure({ globalPrefix: outer });
    const inner = await openAzure({ globalPrefix: `${outer}in-` });
    await inner.store('a', bytesOf('x'));
    expect(await namesOf(inner)).toEqual(['a']);
    expect(await namesOf(plain)).toEqual(['in-a']);
    await Promise.all([plain.close(), inner.close()]);
  });

  it('takes a container that is there already, and says when there is none', async () => {
    await (await openAzure({ container: 'made-twice' })).close();
    await (await openAzure({ container: 'made-twice' })).close();
    const missing = await openAzure({ container: 'not-there', createContainer: false });
    for (const call of [
      () => listOf(missing),
      () => missing.load('a'),
      () => missing.delete('a'),
      () => missing.store('a', bytesOf('x')),
    ]) {
      const failure = await failureOf(call());
      expect(failure).toMatchObject({ notFound: true, errorLabel: 'ContainerNotFound' });
      expect((failure as StorageError).hint).toContain('create_container');
    }
    await missing.close();
  });

  it('says when the key is wrong, on one line', async () => {
    const wrong = await openAzure({ accountKey: Buffer.from('wrong').toString('base64'), createContainer: false });
    const failure = await failureOf(listOf(wrong));
    expect(failure).toMatchObject({ denied: true, retryable: false });
    expect((failure as StorageError).message).not.toContain('\n');
    await wrong.close();
  });

  it('reads the key file again after its interval (the reference never does)', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'lmdbstream-keys-'));
    try {
      const accountKeyFile = join(folder, 'key');
      await writeFile(accountKeyFile, `${azurite.accountKey}\n`);
      let now = 1_000_000;
      const options = azureOptionsFor(azurite, { accountKey: undefined, accountKeyFile });
      const storage = await createStorage({ type: 'azure', options }, { now: () => now });
      await storage.store('a', bytesOf('x'));
      await writeFile(accountKeyFile, Buffer.from('rotated').toString('base64'));
      now += 14_999;
      expect(await namesOf(storage)).toEqual(['a']);
      now += 1;
      expect(await failureOf(listOf(storage))).toMatchObject({ denied: true });
      await writeFile(accountKeyFile, azurite.accountKey);
      now += 15_000;
      expect(await namesOf(storage)).toEqual(['a']);
      await storage.close();
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});
