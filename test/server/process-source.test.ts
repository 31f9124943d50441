import { describe, expect, it } from 'vitest';
import { silentLog } from '../../src/log/index.ts';
import { ProcessSource } from '../../src/server/index.ts';
import { MemoryStorage } from '../../src/storage/index.ts';
import { configOf, NOW_MS } from './fake-source.ts';

async function namesOf(source: ProcessSource): Promise<string[]> {
  const names: string[] = [];
  for await (const { name } of source.listObjects(new AbortController().signal)) names.push(name);
  return names;
}

const shared = {
  config: configOf(),
  databases: ['main'],
  log: silentLog,
  lockWaitingSinceMs: () => undefined,
  listNow: () => {},
  subscribeChanges: () => () => {},
  eventsWaiting: () => undefined,
};

describe('ProcessSource', () => {
  it('passes events on to who listens, until it does not any more', () => {
    const source = new ProcessSource(shared);
    const seen: string[] = [];
    const end = source.subscribe(({ type }) => void seen.push(type));
    source.post({ type: 'compacted', db: 'main', atMs: NOW_MS });
    end();
    source.post({ type: 'distrustedReader', txnId: 1, db: 'main', atMs: NOW_MS });
    expect(seen).toEqual(['compacted']);
  });

  it('opens the bucket once, when somebody asks, and again after that failed', async () => {
    const storage = new MemoryStorage();
    await storage.store('b', Buffer.from('1'));
    await storage.store('a', Buffer.from('22'));
    let opened = 0;
    const openStorage = async () => {
      opened++;
      if (opened === 1) throw new Error('no bucket yet');
      return storage;
    };
    const source = new ProcessSource({ ...shared, openStorage });
    expect(opened).toBe(0);
    await expect(namesOf(source)).rejects.toThrow('no bucket yet');
    expect(await namesOf(source)).toEqual(['a', 'b']);
    expect(await namesOf(source)).toEqual(['a', 'b']);
    expect(opened).toBe(2);
    await source.close();
  });
});
