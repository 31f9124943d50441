import { describe, expect, it } from 'vitest';
import { KeySet } from '../../../src/shadow/index.ts';
import { encodeSnapshot } from '../../../src/snapshot/index.ts';
import { MemoryStorage, RetryPolicy, Spool } from '../../../src/storage/index.ts';
import { ChainIndex } from '../../../src/sync/chain/index.ts';
import type { Capture, LocalDatabase } from '../../../src/sync/local/index.ts';
import { Publisher } from '../../../src/sync/publish/index.ts';
import type { SyncEventBody } from '../../../src/sync/status/index.ts';
import { systemClock } from '../../../src/sync/time/index.ts';
import { FaultyStorage, failure, Gate } from '../../support/fleet/instance.ts';

function keysOf(...keys: string[]): KeySet {
  const set = new KeySet();
  for (const key of keys) set.add('d', Buffer.from(key), 0, key.length);
  return set;
}

/** A database of no entries, whose unpublished keys a test gives. */
class Local {
  unpublished = keysOf();
  captures = 0;
  timestampNano = 1000n;

  async capture<T>(use: (capture: Capture) => Promise<T>): Promise<T> {
    this.captures++;
    const { unpublished, timestampNano } = this;
    this.unpublished = keysOf();
    const none = () => [];
    const countOf = (keys: KeySet) => keys.count;
    return use({
      txnId: 7,
      timestampNano,
      included: new Map(),
      unpublished,
      countOf,
      sources: none,
      deltaSources: none,
    });
  }

  async collectUnpublished(): Promise<void> {}

  giveBack(unpublished: KeySet): void {
    this.unpublished.addAll(unpublished);
  }
}

function setUp(mode: 'auto' | 'off' = 'off') {
  const local = new Local();
  const storage = new FaultyStorage(new MemoryStorage());
  const events: SyncEventBody[] = [];
  const stored: string[] = [];
  const index = new ChainIndex({ databaseName: 'main', ownInstanceId: 'a' });
  const publisher = new Publisher({
    databaseName: 'main',
    instanceId: 'a',
    mode,
    forceIntervalMs: 0,
    limits: { delta: { burst: 1, intervalMs: 0 }, full: { burst: 1, intervalMs: 0 } },
    local: local as unknown as LocalDatabase,
    shown: undefined,
    storage,
    make: {
      hostname: 'host',
      encode: encodeSnapshot,
      spool: () => new Spool({ memoryBytes: Number.POSITIVE_INFINITY }),
    },
    policy: new RetryPolicy({ attempts: 3, intervalMs: 1, forever: true }, () => 0.5),
    clock: systemClock,
    report: (event) => void events.push(event),
    view: { ownChain: () => index.ownChain(), hasLegacyWriter: () => false },
    onStore: (name) => index.addOwn(name),
    onStored: (name, sizeBytes) => {
      index.addStored(name, sizeBytes, systemClock.monotonicMs());
      stored.push(name.full);
    },
    onMoved: () => {},
  });
  const stop = new AbortController();
  return { local, storage, events, stored, publisher, stop, running: publisher.run(stop.signal) };
}

describe('Publisher', () => {
  it('a request that came after the view was taken is not counted as published by its upload (I3)', async () => {
    const { local, storage, publisher, stop, running } = setUp();
    const gate = new Gate();
    storage.beforeStore = () => gate.pass();
    publisher.request();
    while (gate.waiting === 0) await systemClock.sleep(1, stop.signal);
    publisher.request();
    gate.open();
    while (local.captures < 2) await systemClock.sleep(1, stop.signal);
    while (publisher.facts.isDue) await systemClock.sleep(1, stop.signal);
    stop.abort();
    await running;
    expect([local.captures, storage.stored.length]).toEqual([2, 2]);
  });

  it('a store that fails gives its keys back, and the body that replaces it carries them', async () => {
    const { local, storage, publisher, stop, running } = setUp();
    local.unpublished = keysOf('a');
    let isFirst = true;
    let before: KeySet | undefined;
    storage.beforeStore = () => {
      if (!isFirst) return;
      isFirst = false;
      before = local.unpublished;
      local.unpublished = keysOf('b');
      publisher.request();
      throw failure('store');
    };
    publisher.request();
    while (publisher.facts.isDue) await systemClock.sleep(1, stop.signal);
    stop.abort();
    await running;
    expect([before!.count, local.captures, local.unpublished.count]).toEqual([0, 2, 0]);
  });

  it('a stop in the middle of an outage: what was not published stays unpublished, and is told', async () => {
    const { local, storage, events, publisher, stop, running } = setUp();
    local.unpublished = keysOf('a');
    storage.beforeStore = () => {
      throw failure('store');
    };
    publisher.request();
    while (storage.storeAttempts < 2) await systemClock.sleep(1, stop.signal);
    stop.abort();
    await running;
    expect(local.unpublished.count).toBe(1);
    expect(publisher.facts.isDue).toBe(true);
    expect(events.at(-1)).toMatchObject({ type: 'leftUnpublished' });
  });

  it('names never go back, although the view’s time does (decision 10)', async () => {
    const { local, stored, publisher, stop, running } = setUp();
    for (const nano of [5000n, 4000n, 4000n]) {
      local.timestampNano = nano;
      publisher.request();
      while (publisher.facts.isDue) await systemClock.sleep(1, stop.signal);
    }
    stop.abort();
    await running;
    expect([...stored].sort()).toEqual(stored);
    expect(new Set(stored).size).toBe(3);
  });
});
