import { readdirSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import type { Application, Bare } from './bare.ts';
import { Product } from './product.ts';
import { median } from './statistics.ts';
import type { Workplace } from './workplace.ts';

/** Two instances that share a folder, deltas as by default. */
export interface FleetResult {
  readonly count: number;
  readonly putMs: number;
  /** The application's commit on A to the end of the merge on B. */
  readonly visibleMs: number;
  /** Of both processes, around one change. */
  readonly cpuMs: number;
  /** Put into the bucket for it. */
  readonly bytes: number;
}

/** A stream of single changes, faster than deltas may go out. */
export interface StreamResult {
  readonly puts: number;
  readonly seconds: number;
  /** The last commit on A to B having it. */
  readonly behindMs: number;
  readonly mostObjects: number;
  /** The higher of both. */
  readonly rssKb: number;
}

/** As many as may go out at once (`delta_burst`). */
const CHANGES = 18;
const WARM_UP = 3;
const BETWEEN_CHANGES_MS = 30;
const STORED = 'Stored snapshot';
const LOADED = 'Loaded remote update';

interface Fleet {
  readonly a: Product;
  readonly b: Product;
  readonly application: Application;
  readonly bucket: string;
  readonly putMs: number;
}

async function withFleet<T>(
  bare: Bare,
  place: Workplace,
  count: number,
  body: (fleet: Fleet) => Promise<T>,
): Promise<T> {
  const [path, other, bucket] = [place.fresh(), place.fresh(), place.fresh()];
  const running: Product[] = [];
  const start = (instance: string, lmdbPath: string): Product => {
    const product = new Product({ folder: place.folder, instance, lmdbPath, bucket });
    running.push(product);
    return product;
  };
  try {
    bare.fill(path, count, 'plain');
    const application = await bare.application(path, count, 'plain');
    const { putUs } = await application.put(50);
    const a = start('a', path);
    await a.says(STORED);
    const b = start('b', other);
    await b.says(LOADED);
    try {
      return await body({ a, b, application, bucket, putMs: median(putUs) / 1000 });
    } finally {
      await application.stop();
    }
  } finally {
    for (const product of running) await product.stop();
    place.clear(path, other, bucket);
  }
}

export function measureFleet(bare: Bare, place: Workplace, count: number): Promise<FleetResult> {
  return withFleet(bare, place, count, async ({ a, b, application, putMs }) => {
    const rows: { visibleMs: number; cpuMs: number; bytes: number }[] = [];
    for (let change = 1; change <= CHANGES; change++) {
      const before = a.cpuMs() + b.cpuMs();
      await application.put();
      const committedMs = performance.now();
      const stored = await a.says(STORED, change);
      const loaded = await b.says(LOADED, change);
      const cpuMs = a.cpuMs() + b.cpuMs() - before;
      rows.push({ visibleMs: loaded.atMs - committedMs, cpuMs, bytes: Number(stored.fields.snapshot_size) });
      await new Promise((resolve) => setTimeout(resolve, BETWEEN_CHANGES_MS));
    }
    const counted = rows.slice(WARM_UP);
    const middle = (key: keyof (typeof rows)[0]): number => median(counted.map((row) => row[key]));
    return { count, putMs, visibleMs: middle('visibleMs'), cpuMs: middle('cpuMs'), bytes: middle('bytes') };
  });
}

/** About a thousand a second, with the commits themselves. */
const BETWEEN_PUTS_US = 600;
/** Nothing more comes when nothing came for so long: deltas go out once a second. */
const QUIET_MS = 2_500;

export function measureStream(bare: Bare, place: Workplace, count: number, puts: number): Promise<StreamResult> {
  return withFleet(bare, place, count, async ({ a, b, application, bucket }) => {
    let mostObjects = 0;
    const look = setInterval(() => {
      const own = readdirSync(bucket).filter((name) => name.startsWith('main__a__'));
      mostObjects = Math.max(mostObjects, own.length);
    }, 100);
    try {
      const startedMs = performance.now();
      await application.put(puts, BETWEEN_PUTS_US);
      const endedMs = performance.now();
      const lastMs = await quietSince(b);
      return {
        puts,
        seconds: (endedMs - startedMs) / 1000,
        behindMs: Math.max(0, lastMs - endedMs),
        mostObjects,
        rssKb: Math.max(a.rssAnonPeakKb, b.rssAnonPeakKb),
      };
    } finally {
      clearInterval(look);
    }
  });
}

/** @returns when the last object was merged */
async function quietSince(product: Product): Promise<number> {
  for (;;) {
    const { atMs } = product.last(LOADED);
    const leftMs = atMs + QUIET_MS - performance.now();
    if (leftMs <= 0) return atMs;
    await new Promise((resolve) => setTimeout(resolve, leftMs));
  }
}
