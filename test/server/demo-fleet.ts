import { errorOf, type FakeSource, LMDB_STATS, objectOf } from './fake-source.ts';

/** Posts an hour of a small PowerDNS fleet that ends at `endMs`: with peers, a refused object and an outage that is over. */
export function postDemoFleet(source: FakeSource, endMs: number): void {
  for (const [index, db] of source.databases.entries()) postDatabase(source, db, index, endMs);
}

/** The same numbers every time: a screenshot must not change by itself. */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

function postDatabase(source: FakeSource, db: string, index: number, endMs: number): void {
  const random = generator(index + 7);
  const dbis = ['domains', 'records', '_sync_shadow_domains', '_sync_shadow_records'].map((name) => ({
    name,
    flags: name === 'records' ? ['MDB_DUPSORT'] : [],
    entries: name.endsWith('records') ? 184_210 - index * 9_000 : 1_204 + index,
    depth: name.endsWith('records') ? 4 : 2,
    branchPages: name.endsWith('records') ? 61 : 1,
    leafPages: name.endsWith('records') ? 7_420 : 38,
    overflowPages: 0,
  }));
  const at = (atMs: number) => ({ db, atMs });
  source.post({ type: 'phase', phase: 'running' }, at(endMs - 3_590_000));
  const path = `/var/lib/powerdns/pdns.lmdb${index === 0 ? '' : `-${index - 1}`}`;
  const sizes = { mapSizeBytes: 2 ** 30, fileSizeBytes: 62_500_864, lastTxnId: 88_412 + index, readers: 6 };
  source.post({ type: 'lmdbStats', stats: { ...LMDB_STATS, ...sizes, path, dbis } }, at(endMs));
  for (let second = 3_580; second > 0; second -= 10) {
    const atMs = endMs - second * 1000;
    const wave = 1 + Math.sin(second / 420 + index);
    if (random() < 0.7) {
      source.post({ type: 'localChange', entries: Math.round(wave * 6 * random()), txnId: 1 }, at(atMs));
      source.post({ type: 'lock', waitMs: random() ** 6 * 30, heldMs: 0.6 + random() ** 3 * 6 }, at(atMs));
    }
    const lagMs = 180 + random() ** 4 * 900;
    const instance = ['ams1', 'fra2', 'nyc1'][second % 3]!;
    if (random() < 0.6) postLoaded(source, db, instance, atMs, lagMs, Math.round(wave * 4 * random()));
  }
  postLoaded(source, db, 'ams1', endMs - 4_000, 210, 3);
  postLoaded(source, db, 'fra2', endMs - 11_000, 340, 1);
  postLoaded(source, db, 'nyc1', endMs - 95_000, 1_240, 12);
  const newer = objectOf('nyc1', endMs - 2_000);
  source.post({ type: 'seen', object: newer }, at(endMs));
  const listing = { objects: 23, sizeBytes: 41_300_000, instances: 4, durationMs: 12, recovered: false };
  source.post({ type: 'listed', ...listing }, at(endMs));
  const published = { sizeBytes: 9_240_000, txnId: 1, encodeMs: 1, storeMs: 1 };
  const outage = errorOf(
    'store: connect ETIMEDOUT 192.0.2.10:443',
    'nothing is lost: it is tried again until it succeeds',
  );
  source.post({ type: 'storeFailed', name: 'x', error: outage, failures: 1, retryMs: 5000 }, at(endMs - 1_300_000));
  source.post({ type: 'stored', ...published, object: objectOf('here', endMs - 3_000) }, at(endMs - 3_000));
  if (index > 0) return;
  const bad = errorOf(
    'the gzip stream ends early',
    'the instance publishes a whole one with its next change; remove this one',
  );
  source.post({ type: 'refused', object: objectOf('nyc1', endMs - 640_000), error: bad }, at(endMs - 640_000));
}

function postLoaded(source: FakeSource, db: string, id: string, atMs: number, lagMs: number, written: number): void {
  const rest = { shortHash: 'abc1234', sizeBytes: 500, entries: written, downloadMs: 1, mergeMs: 1 };
  source.post({ type: 'loaded', ...rest, object: objectOf(id, atMs - lagMs), written }, { db, atMs });
}
