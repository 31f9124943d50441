import { describe, expect, it } from 'vitest';
import { LmdbError } from '../../../src/lmdb/index.ts';
import { KeySet } from '../../../src/shadow/index.ts';
import { encodeSnapshot, parseSnapshotName } from '../../../src/snapshot/index.ts';
import { MemoryStorage, RetryPolicy, Spool } from '../../../src/storage/index.ts';
import { ChainIndex } from '../../../src/sync/chain/index.ts';
import type { Capture, LocalDatabase } from '../../../src/sync/local/index.ts';
import { Publisher, type PublisherOptions } from '../../../src/sync/publish/index.ts';
import type { SyncEventBody } from '../../../src/sync/status/index.ts';
import { type Clock, systemClock } from '../../../src/sync/time/index.ts';
import { FaultyStorage, failure, Gate, kindsOf } from '../../support/fleet/instance.ts';

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
  /** Called once, when the view is taken and before it is used. */
  afterView: () => void = () => {};

  async capture<T>(use: (capture: Capture) => Promise<T>): Promise<T> {
    this.captures++;
    const { afterView } = this;
    this.afterView = () => {};
    afterView();
    const { unpublished, timestampNano } = this;
    this.unpublished = keysOf();
    const none = () => [];
    const countOf = (keys: KeySet) => keys.count;
    return use({
      txnId: 7,
      timestampNano,
      included: new Map(),
      unpublished,
      named: () => {},
      countOf,
      sources: none,
      deltaSources: none,
      assertProtected: () => {},
    });
  }

  collectUnpublished = async (): Promise<void> => {};

  giveBack(unpublished: KeySet): void {
    this.unpublished.addAll(unpublished);
  }
}

interface SetUp {
  readonly mode?: 'auto' | 'off';
  readonly clock?: Clock;
  readonly limits?: PublisherOptions['limits'];
  readonly hasLegacyWriter?: boolean;
  readonly collect?: () => Promise<void>;
}

const UNLIMITED = { burst: 1, intervalMs: 0 };

function setUp({ mode = 'off', clock = systemClock, limits, hasLegacyWriter = false, collect }: SetUp = {}) {
  const local = new Local();
  if (collect) local.collectUnpublished = collect;
  const storage = new FaultyStorage(new MemoryStorage());
  const events: SyncEventBody[] = [];
  const stored: string[] = [];
  const index = new ChainIndex({ databaseName: 'main', ownInstanceId: 'a' });
  const publisher = new Publisher({
    databaseName: 'main',
    instanceId: 'a',
    mode,
    forceIntervalMs: 0,
    limits: limits ?? { delta: UNLIMITED, full: UNLIMITED },
    local: local as unknown as LocalDatabase,
    shown: undefined,
    storage,
    make: {
      hostname: 'host',
      encode: encodeSnapshot,
      spool: () => new Spool({ memoryBytes: Number.POSITIVE_INFINITY }),
    },
    policy: new RetryPolicy({ attempts: 3, intervalMs: 1, forever: true }, () => 0.5),
    clock,
    report: (event) => void events.push(event),
    view: { ownChain: () => index.ownChain(), hasLegacyWriter: () => hasLegacyWriter },
    onStore: (name) => index.addOwn(name),
    onStored: (name, sizeBytes) => {
      index.addStored(name, sizeBytes, systemClock.monotonicMs());
      stored.push(name.full);
    },
    onMoved: () => {},
  });
  const stop = new AbortController();
  const published = async (): Promise<void> => {
    while (publisher.facts.isDue) await systemClock.sleep(1, stop.signal);
  };
  const ended = async (): Promise<void> => {
    stop.abort();
    await running;
  };
  const running = publisher.run(stop.signal);
  return { local, storage, events, stored, publisher, stop, published, ended };
}

describe('Publisher', () => {
  it('a request that came after the view was taken is not counted as published by its upload (I3)', async () => {
    const { local, storage, publisher, stop, published, ended } = setUp();
    const gate = new Gate();
    storage.beforeStore = () => gate.pass();
    publisher.request();
    while (gate.waiting === 0) await systemClock.sleep(1, stop.signal);
    publisher.request();
    gate.open();
    while (local.captures < 2) await systemClock.sleep(1, stop.signal);
    await published();
    await ended();
    expect([local.captures, storage.stored.length]).toEqual([2, 2]);
  });

  it('nor is one that came when the view was taken already, and not yet used (I3)', async () => {
    const { local, publisher, published, ended } = setUp();
    local.afterView = () => publisher.request();
    publisher.request();
    await published();
    await ended();
    expect(local.captures).toBe(2);
  });

  it('a store that fails gives its keys back, and the body that replaces it carries them', async () => {
    const { local, storage, publisher, published, ended } = setUp();
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
    await published();
    await ended();
    expect([before!.count, local.captures, local.unpublished.count]).toEqual([0, 2, 0]);
  });

  it('a stop in the middle of an outage: what was not published stays unpublished, and is told', async () => {
    const { local, storage, events, publisher, stop, ended } = setUp();
    local.unpublished = keysOf('a');
    storage.beforeStore = () => {
      throw failure('store');
    };
    publisher.request();
    while (storage.storeAttempts < 2) await systemClock.sleep(1, stop.signal);
    await ended();
    expect(local.unpublished.count).toBe(1);
    expect(publisher.facts.isDue).toBe(true);
    expect(events.at(-1)).toMatchObject({ type: 'leftUnpublished' });
  });

  it('names never go back, although the view’s time does (decision 10)', async () => {
    const { local, stored, publisher, published, ended } = setUp();
    for (const nano of [5000n, 4000n, 4000n]) {
      local.timestampNano = nano;
      publisher.request();
      await published();
    }
    await ended();
    expect([...stored].sort()).toEqual(stored);
    expect(new Set(stored).size).toBe(3);
  });
});

/** Time passes only while somebody sleeps. */
class SleepingClock implements Clock {
  nowMs = 1000;
  readonly slept: number[] = [];
  /** Called in the middle of a sleep. */
  meanwhile: () => void = () => {};
  readonly nowNano = systemClock.nowNano;
  readonly timer = systemClock.timer;
  readonly pause = systemClock.pause;

  monotonicMs(): number {
    return this.nowMs;
  }

  async sleep(ms: number): Promise<void> {
    this.slept.push(ms);
    this.meanwhile();
    this.nowMs += ms;
  }
}

describe('Publisher of deltas', () => {
  it('over the burst a delta waits for its turn, and what changes meanwhile is in it', async () => {
    const clock = new SleepingClock();
    const limits = { delta: { burst: 2, intervalMs: 1000 }, full: UNLIMITED };
    const { local, stored, publisher, published, ended } = setUp({ mode: 'auto', clock, limits });
    for (const key of ['full', 'a', 'b']) {
      local.unpublished = keysOf(key);
      publisher.request();
      await published();
    }
    expect(clock.slept).toEqual([]);
    clock.meanwhile = () => {
      local.unpublished.addAll(keysOf('d'));
      clock.meanwhile = () => {};
      publisher.request();
    };
    local.unpublished = keysOf('c');
    publisher.request();
    await published();
    await ended();
    expect(clock.slept[0]).toBe(1000);
    expect(kindsOf(stored)).toEqual(['snapshot', 'delta', 'delta', 'delta']);
    expect(local.unpublished.isEmpty).toBe(true);
  });

  it('a request with nothing that changed here publishes nothing', async () => {
    const { local, stored, publisher, published, ended } = setUp({ mode: 'auto' });
    local.unpublished = keysOf('a');
    publisher.request();
    await published();
    publisher.request();
    await published();
    await ended();
    expect(kindsOf(stored)).toEqual(['snapshot']);
  });

  it('the delta is stored and the full snapshot beside it is not: it is tried again, and the keys stay published', async () => {
    const { local, storage, stored, publisher, published, ended } = setUp({ mode: 'auto', hasLegacyWriter: true });
    local.unpublished = keysOf('a');
    publisher.request();
    await published();
    let failures = 2;
    storage.beforeStore = (name) => {
      if (parseSnapshotName(name).kind === 'snapshot' && failures-- > 0) throw failure('store');
    };
    local.unpublished = keysOf('b');
    publisher.request();
    await published();
    await ended();
    expect(kindsOf(stored)).toEqual(['snapshot', 'delta', 'snapshot']);
    const [, delta, full] = stored.map((name) => parseSnapshotName(name));
    expect(full!.previousTimestampNano).toBe(delta!.timestampNano);
    expect(local.unpublished.isEmpty).toBe(true);
  });

  it('while a full snapshot waits for its turn, a change goes out as a delta at once', async () => {
    const limits = { delta: UNLIMITED, full: { burst: 1, intervalMs: 3_600_000 } };
    const { local, stored, publisher, ended } = setUp({ mode: 'auto', limits, hasLegacyWriter: true });
    for (const [index, key] of ['a', 'b', 'c'].entries()) {
      local.unpublished = keysOf(key);
      publisher.request();
      while (stored.length <= index) await systemClock.sleep(1, new AbortController().signal);
    }
    expect(publisher.facts).toMatchObject({ isDue: true, isAtBucket: true });
    // What is still owed goes out with the stop.
    await ended();
    expect(kindsOf(stored)).toEqual(['snapshot', 'delta', 'delta', 'snapshot']);
  });

  it('nothing leaves before it is known what an earlier life left unpublished', async () => {
    let failures = 3;
    const collect = async (): Promise<void> => {
      if (failures-- > 0) throw new LmdbError('READERS_FULL', 'begin', -30790, 'planned by the test');
      expect(storage.storeAttempts).toBe(0);
    };
    const { local, storage, stored, publisher, published, ended } = setUp({ mode: 'auto', collect });
    local.unpublished = keysOf('a');
    publisher.request();
    await published();
    await ended();
    expect([failures, kindsOf(stored)]).toEqual([-1, ['snapshot']]);
  });
});
