import { performance } from 'node:perf_hooks';
import { type Bare, DBI_NAME } from './bare.ts';
import { Product } from './product.ts';
import { median } from './statistics.ts';
import type { Workplace } from './workplace.ts';

/** The whole product with so many records, and what bare liblmdb needs for the same on the same disk at the same time. */
export interface WholeResult {
  readonly count: number;
  readonly bare: {
    readonly scanMs: number;
    readonly appendMainMs: number;
    readonly appendShadowMs: number;
    readonly appendBothMs: number;
    readonly appendBothRssKb: number;
    readonly putMs: number;
  };
  /** From the LMDB opened to the object in the bucket. */
  readonly firstMs: number;
  /** From the start of the process. */
  readonly firstFromStartMs: number;
  readonly firstCpuMs: number;
  readonly firstRssKb: number;
  /** The same of an empty instance, to the end of the merge. */
  readonly joinMs: number;
  readonly joinFromStartMs: number;
  readonly joinCpuMs: number;
  readonly joinRssKb: number;
  /** One change committed by the application, to its object in the bucket. */
  readonly changeMs: number;
  readonly changeCpuMs: number;
  /** Ratios within each run, median. */
  readonly firstRatio: number;
  readonly joinRatio: number;
  readonly objectKb: number;
}

type Run = Omit<WholeResult, 'count' | 'bare'> & WholeResult['bare'];

const PUTS = 50;

export async function measureWhole(
  bare: Bare,
  place: Workplace,
  count: number,
  runs: number,
  changes: number,
): Promise<WholeResult> {
  const results: Run[] = [];
  for (let run = 0; run < runs; run++) results.push(await measureOnce(bare, place, count, changes));
  const middle = Object.fromEntries(
    (Object.keys(results[0]!) as (keyof Run)[]).map((key) => [key, median(results.map((result) => result[key]))]),
  ) as unknown as Run;
  return { ...middle, count, bare: middle };
}

async function measureOnce(bare: Bare, place: Workplace, count: number, changes: number): Promise<Run> {
  const [source, bucket, joining] = [place.fresh(), place.fresh(), place.fresh()];
  try {
    bare.fill(source, count, 'plain');
    const work = await bareWork(bare, place, source, count);
    const first = await firstSync(bare, place, { source, bucket, count, changes });
    const join = await joinEmpty(place, joining, bucket, count);
    return {
      ...work,
      ...first,
      ...join,
      firstRatio: first.firstMs / (work.scanMs + work.appendShadowMs),
      joinRatio: join.joinMs / work.appendBothMs,
    };
  } finally {
    place.clear(source, bucket, joining);
  }
}

async function bareWork(bare: Bare, place: Workplace, source: string, count: number): Promise<WholeResult['bare']> {
  const appended = (what: 'main' | 'shadow' | 'both') => {
    const folder = place.fresh();
    try {
      return bare.append(folder, count, what);
    } finally {
      place.clear(folder);
    }
  };
  const application = await bare.application(source, count, 'plain');
  const { putUs } = await application.put(PUTS);
  await application.stop();
  const both = appended('both');
  return {
    scanMs: bare.scanMs(source),
    appendMainMs: appended('main').ms,
    appendShadowMs: appended('shadow').ms,
    appendBothMs: both.ms,
    appendBothRssKb: both.rssAnonKb,
    putMs: median(putUs) / 1000,
  };
}

async function firstSync(
  bare: Bare,
  place: Workplace,
  { source, bucket, count, changes }: { source: string; bucket: string; count: number; changes: number },
) {
  const product = new Product({ folder: place.folder, instance: 'a', lmdbPath: source, bucket });
  try {
    const opened = await product.says('Opened LMDB');
    const stored = await product.says('Stored snapshot');
    const firstRssKb = product.rssAnonPeakKb;
    const application = await bare.application(source, count, 'plain');
    const changeMs: number[] = [];
    const changeCpuMs: number[] = [];
    for (let change = 1; change <= changes; change++) {
      const cpuMs = product.cpuMs();
      await application.put();
      const committedMs = performance.now();
      const object = await product.says('Stored snapshot', change);
      changeMs.push(object.atMs - committedMs);
      changeCpuMs.push(object.cpuMs - cpuMs);
    }
    await application.stop();
    return {
      firstMs: stored.atMs - opened.atMs,
      firstFromStartMs: stored.atMs - product.startedMs,
      firstCpuMs: stored.cpuMs,
      firstRssKb,
      changeMs: median(changeMs),
      changeCpuMs: median(changeCpuMs),
      objectKb: Number(stored.fields.snapshot_size) / 1024,
    };
  } finally {
    await product.stop();
  }
}

async function joinEmpty(place: Workplace, lmdbPath: string, bucket: string, count: number) {
  const product = new Product({ folder: place.folder, instance: 'b', lmdbPath, bucket, command: 'receive' });
  try {
    const opened = await product.says('Opened LMDB');
    const loaded = await product.says('Loaded remote update');
    if (loaded.fields.written !== count)
      throw new Error(`joining wrote ${loaded.fields.written} of ${count} (${DBI_NAME})`);
    return {
      joinMs: loaded.atMs - opened.atMs,
      joinFromStartMs: loaded.atMs - product.startedMs,
      joinCpuMs: loaded.cpuMs,
      joinRssKb: product.rssAnonPeakKb,
    };
  } finally {
    await product.stop();
  }
}

/** Peak RssAnon of a first sync and of a join, KB. */
export interface Peaks {
  readonly count: number;
  readonly firstRssKb: number;
  readonly joinRssKb: number;
}

/** Memory alone, of a database that is too large for more. */
export async function measurePeaks(bare: Bare, place: Workplace, count: number): Promise<Peaks> {
  const [source, bucket, joining] = [place.fresh(), place.fresh(), place.fresh()];
  try {
    bare.fill(source, count, 'plain');
    const { firstRssKb } = await firstSync(bare, place, { source, bucket, count, changes: 1 });
    const { joinRssKb } = await joinEmpty(place, joining, bucket, count);
    return { count, firstRssKb, joinRssKb };
  } finally {
    place.clear(source, bucket, joining);
  }
}
