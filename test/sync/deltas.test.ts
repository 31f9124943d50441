import { describe, expect, it } from 'vitest';
import { bytesBody, MemoryStorage, type ObjectBody } from '../../src/storage/index.ts';
import { type Clock, systemClock } from '../../src/sync/index.ts';
import { decode } from '../snapshot/support.ts';
import { failure, Gate, Instance, kindsOf, namesOf, objectsOf } from '../support/fleet/instance.ts';

/** Keys of an object, those of deletions too. */
async function keysIn(bucket: MemoryStorage, name: string): Promise<string[]> {
  const objects = await objectsOf(bucket, name);
  const { snapshot } = await decode(objects.get(name)!);
  return snapshot.dbis.flatMap(({ entries }) => entries.map(({ key }) => Buffer.from(key, 'hex').toString()));
}

/** A bucket that keeps other bytes of compacted deltas than it was given. */
class RottenStorage extends MemoryStorage {
  readonly #spoil: (bytes: Buffer) => Buffer;

  constructor(spoil: (bytes: Buffer) => Buffer) {
    super();
    this.#spoil = spoil;
  }

  override async store(name: string, body: ObjectBody | Uint8Array): Promise<void> {
    const parts: Uint8Array[] = [];
    for await (const chunk of (body instanceof Uint8Array ? bytesBody(body) : body).open()) parts.push(chunk);
    const bytes = Buffer.concat(parts);
    await super.store(name, isCompacted(name) ? this.#spoil(bytes) : bytes);
  }
}

const isCompacted = (name: string): boolean => /__L\d/.test(name);

/** One instance with a clock that can be moved on, and a first compacted delta in the bucket. */
async function compacting(bucket: MemoryStorage) {
  let laterMs = 0;
  const clock: Clock = { ...systemClock, monotonicMs: () => systemClock.monotonicMs() + laterMs };
  const a = new Instance({ name: 'a', bucket, clock });
  a.put('k0', '0');
  a.start();
  await a.until('stored', () => a.storage.stored.length === 1);
  for (let n = 1; n <= 8; n++) {
    a.put(`k${n}`, String(n));
    await a.until(`delta ${n}`, () => a.storage.stored.filter((name) => name.includes('.delta.')).length >= n);
  }
  await a.until('compacted', () => a.storage.stored.some(isCompacted));
  const compacted = a.storage.stored.find(isCompacted)!;
  const listed = a.storage.calls.length;
  await a.until('listed', () => a.storage.calls.indexOf('list', listed) >= 0);
  const small = a.storage.stored.filter((name) => name.includes('.delta.') && !isCompacted(name));
  // What is replaced is kept for peers that are just reading it.
  const later = (): void => {
    laterMs += 60_000;
  };
  return { a, compacted, small, later };
}

/** The first full snapshot is out, and both have it. */
async function pair(config: object = {}) {
  const bucket = new MemoryStorage();
  const a = new Instance({ name: 'a', bucket, config });
  const b = new Instance({ name: 'b', bucket, config });
  a.put('first', '1');
  a.start();
  await a.until('stored', () => a.storage.stored.length === 1);
  b.start();
  await b.until('has it', () => b.texts().first === '1');
  return { bucket, a, b };
}

describe('deltas of two instances', () => {
  it('a change goes out as a delta with this change only, and the peer has it', async () => {
    const { bucket, a, b } = await pair();
    a.put('second', '2');
    await b.until('has it', () => b.texts().second === '2');
    const [full, delta] = namesOf(a.storage.stored);
    expect(kindsOf(a.storage.stored)).toEqual(['snapshot', 'delta']);
    expect([full!.readsDeltas, delta!.previousTimestampNano]).toEqual([true, full!.timestampNano]);
    expect(await keysIn(bucket, delta!.full)).toEqual(['second']);
    a.application.del('d', 'first');
    await b.until('lost it', () => b.texts().first === undefined);
    expect(b.storage.stored).toEqual([]);
    expect(a.texts()).toEqual(b.texts());
  });

  it('a new DBI comes with a delta, although it holds nothing', async () => {
    const { a, b } = await pair();
    a.application.batch({ op: 'create', dbi: 'empty' });
    await a.until('stored', () => a.storage.stored.length === 2);
    const has = (): boolean => Array.isArray(b.application.scan('empty'));
    // Reading a DBI that does not exist is an error.
    await b.until('has it', has);
    expect(kindsOf(a.storage.stored)).toEqual(['snapshot', 'delta']);
  });

  it('both write: each ends with what the other wrote, and nothing is told twice', async () => {
    const { bucket, a, b } = await pair();
    b.put('theirs', 'b');
    a.put('ours', 'a');
    await a.until('has theirs', () => a.texts().theirs === 'b');
    await b.until('has ours', () => b.texts().ours === 'a');
    // The first object of b is a full snapshot, for it has none.
    expect(kindsOf(b.storage.stored)).toEqual(['snapshot']);
    b.put('theirs', 'again');
    await a.until('has it', () => a.texts().theirs === 'again');
    const delta = b.storage.stored.at(-1)!;
    expect(await keysIn(bucket, delta)).toEqual(['theirs']);
  });

  it('a legacy writer that comes when nothing changes any more gets what only deltas hold', async () => {
    const bucket = new MemoryStorage();
    const a = new Instance({ name: 'a', bucket });
    a.put('k', '1');
    a.start();
    await a.until('stored', () => a.storage.stored.length === 1);
    a.put('k', '2');
    await a.until('a delta', () => a.storage.stored.some((name) => name.includes('.delta.')));
    const legacy = new Instance({ name: 'legacy', bucket, config: { deltas: 'off' } });
    legacy.put('mine', '1');
    legacy.start();
    await legacy.until('has the last change', () => legacy.texts().k === '2');
    await a.until('has its entry', () => a.texts().mine === '1');
  });

  it('off: names and content as without deltas, and deltas of others are not read', async () => {
    const bucket = new MemoryStorage();
    const a = new Instance({ name: 'a', bucket });
    const legacy = new Instance({ name: 'legacy', bucket, config: { deltas: 'off' } });
    a.put('k', '1');
    a.start();
    legacy.start();
    await legacy.until('has it', () => legacy.texts().k === '1');
    legacy.put('mine', '1');
    await a.until('has mine', () => a.texts().mine === '1');
    const [name] = namesOf(legacy.storage.stored);
    expect([name!.extras, name!.kind]).toEqual([[], 'snapshot']);
    // A legacy writer is in the fleet now: a delta, and a full snapshot that says that it brings nothing more.
    const before = a.storage.stored.length;
    a.put('k', '2');
    await legacy.until('has k', () => legacy.texts().k === '2');
    const [delta, full] = namesOf(a.storage.stored.slice(before));
    expect([delta!.kind, full!.kind]).toEqual(['delta', 'snapshot']);
    expect(full!.previousTimestampNano).toBe(delta!.timestampNano);
    expect(legacy.storage.calls.filter((call) => call.startsWith('load') && call.includes('delta'))).toEqual([]);
  });
});

describe('what is not published', () => {
  it('a stop and a start: nothing changed, so nothing goes out; a change while stopped is a delta', async () => {
    const { bucket, a, b } = await pair();
    a.put('second', '2');
    await b.until('has it', () => b.texts().second === '2');
    await a.stop();
    const before = a.storage.stored.length;
    a.start();
    await a.running();
    await a.until('idle', () => a.storage.calls.filter((call) => call === 'list').length > 3);
    expect(a.storage.stored.length).toBe(before);
    await a.stop();
    a.put('offline', '3');
    a.start();
    await b.until('has the offline change', () => b.texts().offline === '3');
    const delta = a.storage.stored.at(-1)!;
    expect(kindsOf(a.storage.stored.slice(before))).toEqual(['delta']);
    expect(await keysIn(bucket, delta)).toEqual(['offline']);
  });

  it('the bucket fails while changes come: they wait, and one delta has them all', async () => {
    const { bucket, a, b } = await pair();
    let isDown = true;
    a.storage.beforeStore = () => {
      if (isDown) throw failure('store');
    };
    a.put('x', '1');
    await a.until('failed', () => a.status.storeFailures > 0);
    a.put('y', '1');
    await a.until('recorded', () => a.status.localRounds >= 3);
    isDown = false;
    await b.until('has both', () => b.texts().x === '1' && b.texts().y === '1');
    const deltas = a.storage.stored.slice(1);
    const keys = await Promise.all(deltas.map((name) => keysIn(bucket, name)));
    expect(kindsOf(deltas).every((kind) => kind === 'delta')).toBe(true);
    expect(new Set(keys.flat())).toEqual(new Set(['x', 'y']));
  });

  it('stopped in an outage: what was recorded and never stored goes out after the next start, as a delta', async () => {
    const { bucket, a, b } = await pair();
    a.storage.beforeStore = () => {
      throw failure('store');
    };
    a.put('x', '1');
    await a.until('failed', () => a.status.storeFailures > 0);
    await a.stop();
    a.storage.beforeStore = () => {};
    a.start();
    await b.until('has it', () => b.texts().x === '1');
    const delta = a.storage.stored.at(-1)!;
    expect(kindsOf(a.storage.stored)).toEqual(['snapshot', 'delta']);
    expect(await keysIn(bucket, delta)).toEqual(['x']);
  });

  it('our objects are gone from the bucket at a start: a full snapshot', async () => {
    const { bucket, a } = await pair();
    await a.stop();
    for (const name of (await objectsOf(bucket, 'main__a__')).keys()) await bucket.delete(name);
    const before = a.storage.stored.length;
    a.start();
    await a.until('stored', () => a.storage.stored.length > before);
    expect(kindsOf(a.storage.stored.slice(before))).toEqual(['snapshot']);
  });
});

describe('many deltas', () => {
  it('are compacted, the replaced ones go, and a joiner reads few', async () => {
    const { bucket, a, b } = await pair({ deltaBurst: 1, deltaIntervalMs: 0 });
    for (let n = 0; n < 40; n++) {
      a.put(`k${n}`, `${n}`);
      await b.until(`has ${n}`, () => b.texts()[`k${n}`] === `${n}`);
    }
    const compacted = namesOf(a.storage.stored).filter(({ level }) => level > 0);
    expect(compacted.length).toBeGreaterThanOrEqual(4);
    const joiner = new Instance({ name: 'j', bucket });
    joiner.start();
    await joiner.until('has all', () => Object.keys(joiner.texts()).length === 41);
    const loads = joiner.storage.calls.filter((call) => call.startsWith('load'));
    expect(loads.length).toBeLessThan(16);
    expect(joiner.texts()).toEqual(a.texts());
  });
});

describe('objects that are missing', () => {
  it('a delta: later ones are merged all the same, the gap is told, and the next full snapshot closes it', async () => {
    const { bucket, a, b } = await pair();
    await b.stop();
    for (const key of ['lost', 'after']) {
      a.put(key, '1');
      await a.until(`stored ${key}`, () => a.storage.stored.length === (key === 'lost' ? 2 : 3));
    }
    await bucket.delete(a.storage.stored[1]!);
    b.start();
    await b.until('told the gap', () => b.status.gaps.includes('a'));
    await b.until('has what came after', () => b.texts().after === '1');
    expect(b.texts().lost).toBeUndefined();
    expect(b.told('warn', 'are missing in the bucket')).toHaveLength(1);
    await a.stop();
    a.start({ deltas: 'off' });
    await b.until('healed', () => b.status.healedGaps === 1);
    expect(b.status.gaps).toEqual([]);
    expect(b.texts()).toEqual(a.texts());
  });

  it('one of our own that the bucket took: told, and a full snapshot takes its place (decision 12)', async () => {
    const bucket = new MemoryStorage();
    let laterMs = 0;
    const clock: Clock = { ...systemClock, monotonicMs: () => systemClock.monotonicMs() + laterMs };
    const a = new Instance({ name: 'a', bucket, clock });
    a.put('k', '1');
    a.start();
    await a.until('stored', () => a.storage.stored.length === 1);
    await bucket.delete(a.storage.stored[0]!);
    // A listing right after a store may lack the object.
    laterMs = 60_000;
    await a.until('stored again', () => a.storage.stored.length === 2);
    expect(a.told('error', 'does not show an object that it took')).toHaveLength(1);
    expect(a.status.ownMissing).toBe(1);
    expect(kindsOf(a.storage.stored)).toEqual(['snapshot', 'snapshot']);
    expect([...(await objectsOf(bucket)).keys()]).toEqual([a.storage.stored[1]]);
  });
});

describe('a compacted delta, which no peer needs to fetch (I10)', () => {
  const namesIn = async (bucket: MemoryStorage): Promise<string[]> => [...(await objectsOf(bucket)).keys()];

  it('is read back once by its writer before what it was made of goes', async () => {
    const bucket = new MemoryStorage();
    const { a, compacted, small, later } = await compacting(bucket);
    const reading = new Gate();
    a.storage.beforeLoad = () => reading.pass();
    later();
    await a.until('reads it back', () => reading.waiting === 1);
    expect(await namesIn(bucket)).toEqual(expect.arrayContaining(small));
    reading.open();
    await a.until('removed', () => small.every((name) => a.storage.calls.includes(`delete ${name}`)));
    expect(a.storage.calls.filter((call) => call.startsWith('load '))).toEqual([`load ${compacted}`]);
    expect(await namesIn(bucket)).toContain(compacted);
  });

  it('stands for nothing while it cannot be read', async () => {
    const bucket = new MemoryStorage();
    const { a, compacted, small, later } = await compacting(bucket);
    let failed = 0;
    a.storage.beforeLoad = () => {
      failed++;
      throw failure('load');
    };
    for (let time = 1; time <= 3; time++) {
      later();
      await a.until('cannot read it', () => failed >= time);
    }
    expect(await namesIn(bucket)).toEqual(expect.arrayContaining([...small, compacted]));
    expect(a.told('error', 'other bytes')).toEqual([]);
    a.storage.beforeLoad = () => {};
    later();
    await a.until('removed', () => small.every((name) => a.storage.calls.includes(`delete ${name}`)));
  });

  it('that was damaged on the way is no reason to withdraw it', async () => {
    const bucket = new MemoryStorage();
    const { a, compacted, small, later } = await compacting(bucket);
    a.storage.isSpoilt = () => true;
    later();
    await a.until('read it twice', () => a.storage.calls.filter((call) => call === `load ${compacted}`).length >= 2);
    a.storage.isSpoilt = () => false;
    later();
    await a.until('removed', () => small.every((name) => a.storage.calls.includes(`delete ${name}`)));
    expect(await namesIn(bucket)).toContain(compacted);
    expect(a.told('error', 'other bytes')).toEqual([]);
  });

  it.each([
    ['cut short', (bytes: Buffer) => bytes.subarray(0, bytes.length >> 1)],
    ['empty', () => Buffer.alloc(0)],
    ['with a bit flipped', (bytes: Buffer) => Buffer.from(bytes.map((byte, at) => (at === 20 ? byte ^ 1 : byte)))],
  ])('that the bucket keeps %s is withdrawn, and who joins has everything', async (_, spoil) => {
    const bucket = new RottenStorage(spoil);
    const { a, compacted, small, later } = await compacting(bucket);
    later();
    await a.until('withdrew it', () => a.storage.calls.includes(`delete ${compacted}`));
    expect(a.told('error', 'other bytes than it was given')).toHaveLength(1);
    expect(await namesIn(bucket)).toEqual(expect.arrayContaining(small));
    expect(await namesIn(bucket)).not.toContain(compacted);
    const joiner = new Instance({ name: 'joiner', bucket });
    joiner.start();
    await joiner.until('has all', () => Object.keys(joiner.texts()).length === 9);
    expect(joiner.texts()).toEqual(a.texts());
    // The chain goes on as if it had never been.
    a.put('after', '1');
    await joiner.until('has the next', () => joiner.texts().after === '1');
    expect(a.status.ownMissing).toBe(0);
    expect(kindsOf(a.storage.stored).filter((kind) => kind === 'snapshot')).toHaveLength(1);
  });
});
