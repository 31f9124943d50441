import type { Bare } from './bare.ts';
import { Product } from './product.ts';
import { median } from './statistics.ts';
import type { Workplace } from './workplace.ts';

export interface Waits {
  /** Longest wait for the write lock among the puts while the product runs, and the median put without it. */
  readonly longestMs: number;
  readonly medianMs: number;
  readonly quietPutMs: number;
  /** The longest put without it: what this disk does by itself. */
  readonly quietLongestMs: number;
  readonly puts: number;
}

const BETWEEN_PUTS_US = 10_000;

/** How long the application waits for the write lock while the real product records each of its single changes. */
export async function measureWaits(bare: Bare, place: Workplace, count: number, puts: number): Promise<Waits> {
  const [path, bucket] = [place.fresh(), place.fresh()];
  try {
    bare.fill(path, count, 'plain');
    const application = await bare.application(path, count, 'plain');
    const quiet = await application.put(puts, BETWEEN_PUTS_US);
    const product = new Product({ folder: place.folder, instance: 'a', lmdbPath: path, bucket });
    try {
      await product.says('Stored snapshot');
      const { waitUs } = await application.put(puts, BETWEEN_PUTS_US);
      return {
        longestMs: Math.max(...waitUs) / 1000,
        medianMs: median(waitUs) / 1000,
        quietPutMs: median(quiet.putUs) / 1000,
        quietLongestMs: Math.max(...quiet.putUs) / 1000,
        puts,
      };
    } finally {
      await product.stop();
      await application.stop();
    }
  } finally {
    place.clear(path, bucket);
  }
}

export interface LargeWaits {
  /** Longest wait for the write lock while everything is copied into the shadow, and while an empty instance joins. */
  readonly firstMs: number;
  readonly joinMs: number;
  /** The same while an instance that holds something, and changes it all the while, merges everything else. */
  readonly mergeMs: number;
  /** The longest put before either: what this disk does by itself. */
  readonly quietLongestMs: number;
}

const BETWEEN_LARGE_US = 2_000;
/** Records of an LMDB that is not empty. */
const FEW = 1000;

/** How long the application waits during the work that once held the lock from its start to its end; medians of the runs. */
export async function measureLargeWaits(
  bare: Bare,
  place: Workplace,
  count: number,
  runs: number,
): Promise<LargeWaits> {
  const results: LargeWaits[] = [];
  for (let run = 0; run < runs; run++) results.push(await largeWaitsOnce(bare, place, count));
  return {
    firstMs: median(results.map(({ firstMs }) => firstMs)),
    joinMs: median(results.map(({ joinMs }) => joinMs)),
    mergeMs: median(results.map(({ mergeMs }) => mergeMs)),
    quietLongestMs: median(results.map(({ quietLongestMs }) => quietLongestMs)),
  };
}

async function largeWaitsOnce(bare: Bare, place: Workplace, count: number): Promise<LargeWaits> {
  const [path, bucket, joining, merging] = [place.fresh(), place.fresh(), place.fresh(), place.fresh()];
  try {
    bare.fill(path, count, 'plain');
    const application = await bare.application(path, count, 'plain');
    const { putUs } = await application.put(100, BETWEEN_LARGE_US);
    const first = new Product({ folder: place.folder, instance: 'a', lmdbPath: path, bucket });
    const firstMs = await longestWaitMs(application, () => first.says('Stored snapshot')).finally(() => first.stop());
    await application.stop();
    const joinMs = await whileReceivingMs(bare, place, bucket, joining, 'none');
    bare.fill(merging, FEW, 'plain');
    const mergeMs = await whileReceivingMs(bare, place, bucket, merging, 'plain');
    return { firstMs, joinMs, mergeMs, quietLongestMs: Math.max(...putUs) / 1000 };
  } finally {
    place.clear(path, bucket, joining, merging);
  }
}

/** @param layout `none`: the application takes the lock and commits nothing, so that its LMDB stays empty */
async function whileReceivingMs(
  bare: Bare,
  place: Workplace,
  bucket: string,
  lmdbPath: string,
  layout: 'plain' | 'none',
): Promise<number> {
  const application = await bare.application(lmdbPath, layout === 'none' ? 0 : FEW, layout);
  const product = new Product({ folder: place.folder, instance: 'b', lmdbPath, bucket, command: 'receive' });
  const longest = longestWaitMs(application, () => product.says('Loaded remote update'));
  const waitMs = await longest.finally(() => product.stop());
  await application.stop();
  return waitMs;
}

/** The application takes the lock again and again until `done`. */
async function longestWaitMs(
  application: Awaited<ReturnType<Bare['application']>>,
  done: () => Promise<unknown>,
): Promise<number> {
  let isDone = false;
  const watched = done().finally(() => {
    isDone = true;
  });
  let longestUs = 0;
  while (!isDone) longestUs = Math.max(longestUs, ...(await application.put(20, BETWEEN_LARGE_US)).waitUs);
  await watched;
  return longestUs / 1000;
}
