import { describe, expect, it } from 'vitest';
import { MemoryStorage, type ObjectStorage } from '../../../src/storage/index.ts';
import { OpeningStorage } from '../../../src/sync/process/opening-storage.ts';

async function namesOf(storage: ObjectStorage): Promise<string[]> {
  const names: string[] = [];
  for await (const { name } of storage.list('')) names.push(name);
  return names;
}

describe('a storage that is still being opened', () => {
  it('answers every call once it is open', async () => {
    const memory = new MemoryStorage();
    let open = (_: ObjectStorage | undefined): void => {};
    const opening = new Promise<ObjectStorage | undefined>((resolve) => {
      open = resolve;
    });
    const storage = new OpeningStorage('s3', opening);
    expect(storage.type).toBe('s3');
    expect(storage.clockOffsetMs).toBeUndefined();
    const asked = [storage.store('a', Buffer.from('1')), namesOf(storage)] as const;
    open(memory);
    await asked[0];
    await asked[1];
    expect(await namesOf(storage)).toEqual(['a']);
    const chunks: Uint8Array[] = [];
    for await (const chunk of (await storage.load('a')).stream) chunks.push(Buffer.from(chunk));
    expect(Buffer.concat(chunks).toString()).toBe('1');
    await storage.delete('a');
    expect(await namesOf(memory)).toEqual([]);
    await storage.close();
  });

  it('that was given up rejects with the reason of the stop, and can be closed', async () => {
    const storage = new OpeningStorage('azure', Promise.resolve(undefined));
    const reason = new Error('stopped');
    const options = { signal: AbortSignal.abort(reason) };
    await expect(storage.load('a', options)).rejects.toBe(reason);
    await expect(storage.store('a', Buffer.from('1'), options)).rejects.toBe(reason);
    await storage.close();
  });
});
