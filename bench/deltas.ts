import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Bare, Pair } from './bare.ts';
import { Product, type ProductOptions } from './product.ts';
import { median } from './statistics.ts';
import type { Workplace } from './workplace.ts';

/** Single changes from one real product to another, medians. */
export interface Passing {
  readonly count: number;
  readonly changes: number;
  /** One committed put by the application while neither product runs. */
  readonly quietPutMs: number;
  /** The end of the application's commit to visible on the peer. */
  readonly seenMs: number;
  readonly longestSeenMs: number;
  /** Of both processes together. */
  readonly cpuMs: number;
  /** Put in the bucket for one change; the mean has the compacted deltas in it. `NaN` where the bucket is no folder. */
  readonly objectBytes: number;
  readonly meanObjectBytes: number;
}

/** Many small transactions, one after the other. */
export interface Burst {
  readonly transactions: number;
  readonly tookMs: number;
  /** The end of the last commit to both DBIs the same. */
  readonly equalMs: number;
  /** Written meanwhile by either. */
  readonly objects: number;
  readonly rssKb: number;
  readonly peerRssKb: number;
}

type Bucket = ProductOptions['bucket'];

/** Where both products keep their objects, and what else their configurations say. */
export interface Way {
  readonly bucket: Bucket;
  readonly settings?: Readonly<Record<'a' | 'b', Readonly<Record<string, unknown>>>>;
}

const WARMING = 5;
const CHANGES = 45;
/** Of a bucket that is polled each second: one in each 31st of the interval, so that their median is that of all moments. */
const POLLED_CHANGES = 31;
const POLL_INTERVAL_MS = 1000;
/** Has no common divisor with their number: one after the other they are far apart. */
const POLLED_STRIDE = 12;
const QUIET_PUTS = 50;
/** The rest of what a change causes: the end of the round, removal of what was replaced. */
const SETTLING_MS = 150;

/** @param burst transactions to commit afterwards, one each millisecond; none for 0 */
export async function measurePassing(
  bare: Bare,
  place: Workplace,
  count: number,
  way: Way | 'folder',
  burst = 0,
): Promise<{ passing: Passing; burst: Burst | undefined }> {
  const [path, peerPath, folder] = [place.fresh(), place.fresh(), place.fresh()];
  const { bucket, settings } = way === 'folder' ? { bucket: folder } : way;
  const products: Product[] = [];
  const start = (instance: 'a' | 'b', lmdbPath: string): Product => {
    const options = { folder: place.folder, instance, lmdbPath, bucket };
    const product = new Product(settings ? { ...options, settings: settings[instance] } : options);
    products.push(product);
    return product;
  };
  try {
    bare.fill(path, count, 'plain');
    const application = await bare.application(path, count, 'plain');
    const { putUs } = await application.put(QUIET_PUTS);
    await application.stop();
    const here = start('a', path);
    await here.says('Stored snapshot');
    const peer = start('b', peerPath);
    await peer.says('Loaded remote update');
    await untilQuiet(here, peer);
    const pair = await bare.pair(path, peerPath, count);
    try {
      const quietPutMs = median(putUs) / 1000;
      const listed = typeof bucket === 'string' ? bucket : undefined;
      const passing = { ...(await passSingly(pair, here, peer, listed)), count, quietPutMs };
      if (burst === 0) return { passing, burst: undefined };
      await untilQuiet(here, peer);
      return { passing, burst: await passBurst(pair, here, peer, folder, burst) };
    } finally {
      await pair.stop();
    }
  } finally {
    for (const product of products) await product.stop();
    place.clear(path, peerPath, folder);
  }
}

async function passSingly(pair: Pair, here: Product, peer: Product, bucket: string | undefined) {
  const [seenMs, cpuMs, bytes]: [number[], number[], number[]] = [[], [], []];
  const changes = bucket === undefined ? POLLED_CHANGES : CHANGES;
  const momentMs = (change: number): number =>
    ((((change * POLLED_STRIDE) % POLLED_CHANGES) + 0.5) * POLL_INTERVAL_MS) / POLLED_CHANGES;
  for (let change = 0; change < WARMING + changes; change++) {
    // Rare enough for the bound on the number of deltas.
    await pause(bucket === undefined ? 300 + momentMs(change) : 400);
    const before = new Set(bucket === undefined ? [] : readdirSync(bucket));
    const usedMs = here.cpuMs() + peer.cpuMs();
    const passed = await pair.pass();
    await pause(SETTLING_MS);
    if (change < WARMING) continue;
    seenMs.push(passed.seenMs);
    cpuMs.push(here.cpuMs() + peer.cpuMs() - usedMs);
    if (bucket !== undefined) bytes.push(sizeOfNew(bucket, before));
  }
  return {
    changes,
    seenMs: median(seenMs),
    longestSeenMs: Math.max(...seenMs),
    cpuMs: median(cpuMs),
    objectBytes: bytes.length === 0 ? Number.NaN : median(bytes),
    meanObjectBytes: bytes.reduce((sum, one) => sum + one, 0) / bytes.length,
  };
}

async function passBurst(pair: Pair, here: Product, peer: Product, bucket: string, transactions: number) {
  const seen = new Set(readdirSync(bucket).filter(isObject));
  const already = seen.size;
  const look = (): void => {
    for (const name of readdirSync(bucket)) if (isObject(name)) seen.add(name);
  };
  // Replaced deltas stay for seconds: none is missed.
  const looking = setInterval(look, 500);
  here.rssAnonPeakKb = 0;
  peer.rssAnonPeakKb = 0;
  try {
    const { tookMs, equalMs } = await pair.burst(transactions, 1000);
    look();
    const [rssKb, peerRssKb] = [here.rssAnonPeakKb, peer.rssAnonPeakKb];
    return { transactions, tookMs, equalMs, objects: seen.size - already, rssKb, peerRssKb };
  } finally {
    clearInterval(looking);
  }
}

/** What is written goes to its name at once; other files of the folder are the product's own. */
function isObject(name: string): boolean {
  return name.endsWith('.pb.gz');
}

function sizeOfNew(bucket: string, before: ReadonlySet<string>): number {
  const added = readdirSync(bucket).filter((name) => isObject(name) && !before.has(name));
  return added.reduce((sum, name) => sum + statSync(join(bucket, name)).size, 0);
}

const QUIET_CPU_MS = 40;

/** Both have merged what the other one stored at the start: a second passes in which they do next to nothing. */
async function untilQuiet(here: Product, peer: Product): Promise<void> {
  for (;;) {
    const usedMs = here.cpuMs() + peer.cpuMs();
    await pause(1000);
    if (here.cpuMs() + peer.cpuMs() - usedMs < QUIET_CPU_MS) return;
  }
}
