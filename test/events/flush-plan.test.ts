import { describe, expect, it } from 'vitest';
import { FLUSH_LIMITS, FlushPlanner } from '../../src/events/index.ts';
import { change, put, record, zone, zoneV5 } from './support.ts';

function planOf(...events: Parameters<FlushPlanner['add']>[0][]) {
  const planner = new FlushPlanner();
  for (const event of events) planner.add(event);
  return planner.take();
}

const START = { origin: { kind: 'start' } } as const;

describe('what PowerDNS must forget', () => {
  it('a zone that came is flushed by name, in every schema', () => {
    expect(planOf(change({ domains_0: [zone('example.com', 1)] }))).toEqual({
      everything: false,
      names: ['example.com'],
      moved: ['example.com'],
      signed: ['example.com'],
      zones: ['example.com'],
    });
    expect(planOf(change({ domains_v5_0: [zoneV5('a.example', 2)] })).names).toEqual(['a.example']);
  });

  it('records of a zone that was there at start are flushed by their names', () => {
    const plan = planOf(
      change({ domains_v5_0: [zoneV5('example.com', 1)] }, START),
      change({ records_v5: [record(1, 'www'), record(1, 'www', 28), record(1, 'mail.in')] }),
    );
    expect([...plan.names].sort()).toEqual(['in.example.com', 'www.example.com']);
    expect(plan.zones).toEqual(['example.com']);
    expect(plan.moved).toEqual([]);
  });

  it('what was there at start is not flushed', () => {
    const planner = new FlushPlanner();
    planner.add(change({ domains_0: [zone('example.com', 1)], records: [record(1, 'www')] }, START));
    expect(planner.isEmpty).toBe(true);
  });

  it('records that came before their zone are flushed with it, and those that come after it again', () => {
    const planner = new FlushPlanner();
    planner.add(change({ records: [record(5, 'www')] }, { db: 'shard' }));
    expect(planner.isEmpty).toBe(true);
    planner.add(change({ domains_0: [zone('late.example', 5)] }));
    expect(planner.take().names).toEqual(['late.example']);
    planner.add(change({ records: [record(5, 'www')] }, { db: 'shard' }));
    expect(planner.take().names).toEqual(['www.late.example']);
  });

  it.each([
    ['its apex', [record(1, '')]],
    ['a wildcard', [record(1, '*.in')]],
    ['many names', Array.from({ length: FLUSH_LIMITS.maxNamesPerZone + 1 }, (_, at) => record(1, `n${at}`))],
  ])('%s changed: the zone is flushed once', (_, keys) => {
    const known = change({ domains_0: [zone('example.com', 1)] }, START);
    expect(planOf(known, change({ records: [record(1, 'x'), ...keys, record(1, 'y')] })).names).toEqual([
      'example.com',
    ]);
  });

  it.each([
    ['metadata_0', zone('example.com', 9)],
    ['keydata_v5_0', zoneV5('example.com', 9)],
  ])('%s: the zone is flushed', (dbi, key) => {
    expect(planOf(change({ [dbi]: [key] }))).toMatchObject({ names: ['example.com'], moved: [] });
  });

  it('more names than anyone wants to name one by one: everything, once, and still the zones that moved', () => {
    const zones = Array.from({ length: FLUSH_LIMITS.maxNames + 1 }, (_, at) => zone(`z${at}.example`, at));
    const plan = planOf(change({ domains_0: zones }));
    expect(plan).toMatchObject({ everything: true, names: [] });
    expect(plan.moved).toHaveLength(zones.length);
  });

  it('"many" in a DBI that names zones: everything; in another one: nothing', () => {
    expect(planOf(change({ records: undefined })).everything).toBe(true);
    expect(planOf(change({ domains: undefined, pdns: undefined }))).toMatchObject({ everything: false, names: [] });
  });

  it('records of more unknown zones than can be kept in mind: everything', () => {
    const planner = new FlushPlanner({ ...FLUSH_LIMITS, maxUnknownZones: 2 });
    planner.add(change({ records: [record(1, 'a'), record(2, 'a'), record(3, 'a')] }));
    expect(planner.take().everything).toBe(true);
  });

  it('zones that came with too many others are flushed by name with everything', () => {
    const planner = new FlushPlanner();
    planner.learn(change({ domains_0: [zone('one.example', 1)] }, START));
    planner.add(change({ domains_0: undefined }));
    expect(planner.take()).toMatchObject({ everything: true, moved: ['one.example'] });
    planner.learn(change({ domains_0: [zone('one.example', 1), zone('two.example', 2)] }, START));
    planner.add(change({ domains_0: undefined }));
    expect(planner.take(), 'the first one has been there').toMatchObject({ moved: ['two.example'] });
  });

  it('a zone that is learned after its records came is flushed', () => {
    const planner = new FlushPlanner();
    planner.add(change({ records: [record(1, 'www')] }));
    planner.learn(change({ domains_0: [zone('example.com', 1)] }, START));
    expect(planner.take().names).toEqual(['example.com']);
  });

  it('a record of a signed zone flushes the zone: what is proven not to exist beside it has changed', () => {
    const known = change({ domains_0: [zone('example.com', 1)], keydata_0: [zone('example.com', 9)] }, START);
    expect(planOf(known, change({ records: [record(1, 'www')] })).names).toEqual(['example.com']);
  });

  it('a plan that failed is part of the next one', () => {
    const planner = new FlushPlanner();
    planner.add(change({ domains_0: [zone('one.example', 1)] }));
    planner.giveBack(planner.take());
    planner.add(change({ domains_0: [zone('two.example', 2)] }));
    const plan = planner.take();
    expect([...plan.names].sort()).toEqual(['one.example', 'two.example']);
    expect([...plan.moved].sort()).toEqual(['one.example', 'two.example']);
    expect(planner.isEmpty).toBe(true);
  });

  it('secondaries are owed what a plan that failed would have told them: zones, never names in them', () => {
    const planner = new FlushPlanner();
    planner.add(change({ domains_0: [zone('one.example', 1)] }, START));
    planner.add(change({ records: [record(1, 'www')] }));
    planner.giveBack(planner.take());
    expect(planner.isEmpty).toBe(false);
    const plan = planner.take();
    expect(plan).toMatchObject({ names: ['www.one.example'], zones: ['one.example'] });
    planner.giveBack({ ...plan, names: [], everything: false });
    expect(planner.isEmpty, 'NOTIFY alone is still to be made').toBe(false);
  });

  it('keys that are not PowerDNS’s tell nothing', () => {
    expect(planOf(change({ records: [put('x')], data: [put('example.com')] }))).toMatchObject({ names: [], zones: [] });
  });
});
