import { statSync } from 'node:fs';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { setTimeout as pause } from 'node:timers/promises';
import { freePorts } from '../test/support/servers/processes.ts';
import type { Bare } from './bare.ts';
import { Grown, lmdbKb } from './grown.ts';
import type { ChangesResult } from './inside/changes.ts';
import { changesOf } from './parts.ts';
import { Product } from './product.ts';
import { median } from './statistics.ts';
import type { Workplace } from './workplace.ts';

/** One real `lmdbstream sync` from its first start, with an application beside it. */
export interface Started {
  /** From the LMDB opened to the object in the bucket. */
  readonly firstMs: number;
  readonly firstRssKb: number;
  /** Write locks of the application's LMDB that the product took for the start, and for the changes after it. */
  readonly firstLocks: number;
  readonly changeLocks: number;
  /** The application's waits for its write lock meanwhile. */
  readonly longestWaitMs: number;
  /** Its data file: before the product ran, after the first start, and after the changes. */
  readonly beforeKb: number;
  readonly startedKb: number;
  readonly afterKb: number;
  /** 0 for inline. */
  readonly sidecarKb: number;
}

type Shadow = 'inline' | 'sidecar';

/** Both ways with the same LMDB, medians of the runs. */
export interface Shape {
  /** Of one value. */
  readonly valueText: string;
  readonly inline: Started;
  readonly sidecar: Started;
  /** Within each run. */
  readonly firstRatio: number;
  readonly rssRatio: number;
}

export interface SidecarResult {
  readonly count: number;
  /** Single changes. */
  readonly changes: number;
  /** The application's longest put while no product runs. */
  readonly quietLongestMs: number;
  readonly short: Shape;
  readonly wide: Shape;
  /** In one process, values of 45 bytes: the first filling, and single changes. */
  readonly inside: {
    readonly inline: ChangesResult;
    readonly sidecar: ChangesResult;
    readonly fillRatio: number;
    readonly cpuRatio: number;
  };
}

const CHANGES = 300;
const BETWEEN_PUTS_US = 5000;
const QUIET_PUTS = 100;
const SHORT_RUNS = 3;
/** Of random keys so many may have come twice. */
const MOST_ALIKE = 5;
const COUNTED_WITHIN_MS = 10_000;
const ASK_EVERY_MS = 50;

export async function measureSidecar(bare: Bare, place: Workplace, count: number): Promise<SidecarResult> {
  const grown = new Grown(bare, place, count, 'grown');
  try {
    const quietLongestMs = await quietMs(bare, place, grown, count);
    const short = await measureShape(bare, place, grown, count, 'grown', SHORT_RUNS);
    const inside = await measureInside(place, grown, count);
    const wide = await measureWide(bare, place, count);
    return { count, changes: CHANGES, quietLongestMs, short, wide, inside };
  } finally {
    grown.remove();
  }
}

async function measureWide(bare: Bare, place: Workplace, count: number): Promise<Shape> {
  const grown = new Grown(bare, place, count, 'wide');
  try {
    return await measureShape(bare, place, grown, count, 'wide', 1);
  } finally {
    grown.remove();
  }
}

async function quietMs(bare: Bare, place: Workplace, grown: Grown, count: number): Promise<number> {
  const path = grown.copy();
  try {
    const application = await bare.application(path, count, 'grown');
    const { putUs } = await application.put(QUIET_PUTS, BETWEEN_PUTS_US);
    await application.stop();
    return Math.max(...putUs) / 1000;
  } finally {
    place.clear(path);
  }
}

async function measureShape(
  bare: Bare,
  place: Workplace,
  grown: Grown,
  count: number,
  layout: 'grown' | 'wide',
  runs: number,
): Promise<Shape> {
  const inline: Started[] = [];
  const sidecar: Started[] = [];
  for (let run = 0; run < runs; run++) {
    inline.push(await startOnce(bare, place, grown, { count, layout, shadow: 'inline' }));
    sidecar.push(await startOnce(bare, place, grown, { count, layout, shadow: 'sidecar' }));
  }
  return {
    valueText: layout === 'wide' ? '1 KiB' : '45 bytes',
    inline: middleOf(inline),
    sidecar: middleOf(sidecar),
    firstRatio: median(sidecar.map(({ firstMs }, run) => firstMs / inline[run]!.firstMs)),
    rssRatio: median(sidecar.map(({ firstRssKb }, run) => firstRssKb / inline[run]!.firstRssKb)),
  };
}

/** The median of each. */
function middleOf<T extends object>(runs: readonly T[]): T {
  const keys = Object.keys(runs[0]!) as (keyof T)[];
  return Object.fromEntries(keys.map((key) => [key, median(runs.map((run) => run[key] as number))])) as T;
}

interface Wanted {
  readonly count: number;
  readonly layout: 'grown' | 'wide';
  readonly shadow: Shadow;
}

async function startOnce(bare: Bare, place: Workplace, grown: Grown, wanted: Wanted): Promise<Started> {
  const { count, layout, shadow } = wanted;
  const [lmdbPath, bucket] = [grown.copy(), place.fresh()];
  const beforeKb = lmdbKb(lmdbPath);
  const [port] = await freePorts(1);
  const address = `127.0.0.1:${port}`;
  const lmdb = shadow === 'sidecar' ? { shadow, dropped_dbis: 'delete' } : {};
  const application = await bare.application(lmdbPath, count, layout);
  const settings = { http: { address } };
  const product = new Product({ folder: place.folder, instance: 'a', lmdbPath, bucket, lmdb, settings });
  try {
    const opened = await product.says('Opened LMDB');
    const stored = await product.says('Stored snapshot');
    const firstRssKb = product.rssAnonPeakKb;
    const startedKb = lmdbKb(lmdbPath);
    const first = await counted(address, ({ published }) => published > 0);
    const { waitUs } = await application.put(CHANGES, BETWEEN_PUTS_US);
    const enough = first.changes + CHANGES - MOST_ALIKE;
    const then = await counted(address, ({ changes }) => changes >= enough);
    return {
      firstMs: stored.atMs - opened.atMs,
      firstRssKb,
      firstLocks: first.locks,
      changeLocks: then.locks - first.locks,
      longestWaitMs: Math.max(...waitUs) / 1000,
      beforeKb,
      startedKb,
      afterKb: lmdbKb(lmdbPath),
      sidecarKb: shadow === 'sidecar' ? statSync(join(lmdbPath, 'data.mdb.lmdbstream-shadow')).size / 1024 : 0,
    };
  } finally {
    await product.stop();
    await application.stop();
    place.clear(lmdbPath, bucket);
  }
}

interface Counted {
  readonly locks: number;
  readonly changes: number;
  readonly published: number;
}

/** What the product says that it has done, once that is enough: its workers tell it a little later. */
async function counted(address: string, isEnough: (counted: Counted) => boolean): Promise<Counted> {
  const untilMs = performance.now() + COUNTED_WITHIN_MS;
  for (;;) {
    const text = await (await fetch(`http://${address}/metrics`)).text();
    const value = (name: string): number =>
      Number(new RegExp(`^lmdbstream_${name}\\{.*\\} (\\S+)$`, 'm').exec(text)?.[1] ?? 0);
    const found = {
      locks: value('lock_held_seconds_count'),
      changes: value('changes_recorded_total'),
      published: value('objects_published_total'),
    };
    if (isEnough(found)) return found;
    if (performance.now() > untilMs) throw new Error(`the product says only ${JSON.stringify(found)}`);
    await pause(ASK_EVERY_MS);
  }
}

async function measureInside(place: Workplace, grown: Grown, count: number): Promise<SidecarResult['inside']> {
  const inline: ChangesResult[] = [];
  const sidecar: ChangesResult[] = [];
  for (let run = 0; run < SHORT_RUNS; run++) {
    for (const [shadow, results] of [
      ['inline', inline],
      ['sidecar', sidecar],
    ] as const) {
      const path = grown.copy();
      try {
        const sidecarPath = shadow === 'sidecar' ? join(path, 'shadow') : undefined;
        const input = { path, layout: 'grown', count, rounds: CHANGES, folder: place.folder, sidecarPath } as const;
        results.push(await changesOf(input));
      } finally {
        place.clear(path);
      }
    }
  }
  return {
    inline: middleOf(inline),
    sidecar: middleOf(sidecar),
    fillRatio: median(sidecar.map(({ firstMs }, run) => firstMs / inline[run]!.firstMs)),
    cpuRatio: median(sidecar.map(({ cpuMs }, run) => cpuMs / inline[run]!.cpuMs)),
  };
}
