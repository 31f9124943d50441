import type { HourOutcome } from '../test/sync/chain/hour.ts';
import type { Burst, Passing } from './deltas.ts';
import { type Figure, ratio } from './figure.ts';
import { countText, durationText, sizeText } from './statistics.ts';

export interface Hour extends HourOutcome {
  readonly changes: number;
  readonly changedBytes: number;
  readonly fullBytes: number;
}

/** One change, from the application to the peer. */
export type DeltaFigures = {
  readonly small: Passing;
  readonly large: Passing;
  readonly burst: Burst;
  readonly hour: Hour;
} & ({ readonly polled: Passing; readonly hinted: Passing } | { readonly notMeasured: string });

const MOST_BYTES = 1024;
const MOST_CPU_MS = 10;
const HALF_A_POLL_MS = 500;
const MOST_OVERHEAD_MS = 100;
const MOST_BURST_MS = 2000;
const FEWEST_TOO_MANY = 100;
const MOST_RSS_KB = 250 * 1024;
const MOST_AMPLIFICATION = 10;

export function deltaFigures(figures: DeltaFigures): Figure[] {
  return [...changeFigures(figures), ...storeFigures(figures), ...loadFigures(figures)];
}

function changeFigures({ small, large }: DeltaFigures): Figure[] {
  const how =
    'Two real `lmdbstream sync` with a folder as the bucket, everything at its default, and one program as the application of the first and a ' +
    'reader of the second. It commits one random record, and looks every 50 µs whether the peer shows it; from the end of the ' +
    `commit. Median of ${large.changes} changes after 5 that do not count. The put is that of the same program while ` +
    'neither runs. CPU: all threads of both processes, from before the put to 150 ms after it was visible. Bytes: the objects that appeared meanwhile.';
  const [size, few] = [countText(large.count), countText(small.count)];
  const grown = (name: string, value: (of: Passing) => number): Figure =>
    ratio({
      name: `${name}, ${size} records, as the database grows`,
      limit: 1.5,
      of: `the same with ${few}`,
      value: value(large) / value(small),
      detail: `${durationText(value(large))} against ${durationText(value(small))}`,
      how,
    });
  return [
    {
      name: `bytes in the bucket for one changed record, ${size} records`,
      target: `≤ ${MOST_BYTES} bytes`,
      measured: `${large.objectBytes} bytes (mean, with compacted deltas: ${large.meanObjectBytes.toFixed(0)})`,
      isMet: large.objectBytes <= MOST_BYTES,
      how,
    },
    {
      name: `CPU of one change, published and merged on the peer, ${size} records`,
      target: `≤ ${MOST_CPU_MS} ms`,
      measured: durationText(large.cpuMs),
      isMet: large.cpuMs <= MOST_CPU_MS,
      how,
    },
    grown('CPU of one change, published and merged on the peer', ({ cpuMs }) => cpuMs),
    ratio({
      name: `commit to visible on the peer, folder, ${size} records`,
      limit: 60,
      of: 'a committed put',
      value: large.seenMs / large.quietPutMs,
      detail: `${durationText(large.seenMs)} against ${durationText(large.quietPutMs)}, longest ${durationText(large.longestSeenMs)}`,
      how,
    }),
    grown('commit to visible on the peer, folder', ({ seenMs }) => seenMs),
  ];
}

function storeFigures(figures: DeltaFigures): Figure[] {
  const how =
    'The same with SeaweedFS on this machine as the bucket, over S3, polled each second, with a change in each 31st of the interval; with `peers` ' +
    'the first tells the second by HTTP.';
  const row = (name: string, mostMs: number, target: string, of: Passing | undefined): Figure => ({
    name: `commit to visible on the peer, SeaweedFS, ${name}`,
    target,
    measured:
      of === undefined
        ? `not measured: ${'notMeasured' in figures ? figures.notMeasured : ''}`
        : `${durationText(of.seenMs)}, longest ${durationText(of.longestSeenMs)}`,
    isMet: of !== undefined && of.seenMs <= mostMs,
    how,
  });
  const [polled, hinted] = 'notMeasured' in figures ? [] : [figures.polled, figures.hinted];
  return [
    row('polling', HALF_A_POLL_MS + MOST_OVERHEAD_MS, '≤ half a poll interval + 100 ms', polled),
    row('`peers`', MOST_OVERHEAD_MS, '≤ 100 ms', hinted),
  ];
}

function loadFigures({ burst, hour, large }: DeltaFigures): Figure[] {
  const name = `${countText(burst.transactions)} transactions of one record each`;
  const burstHow =
    'The same pair, a folder as the bucket: one committed put each millisecond, then until both DBIs hold the same rows. Objects of both that ' +
    'appeared meanwhile, compacted deltas included; the highest RssAnon of each since the first of the puts.';
  const hourHow =
    'The decisions of the product under a virtual clock, with a model of the bucket: what to publish and when, compaction, removal of what was ' +
    'replaced. Changes come evenly over the hour, each of another key. Objects are not compressed in the model. The full snapshot has the size that was measured.';
  const deltaRatio = hour.deltaBytes / hour.changedBytes;
  const hourName = `an hour with ${countText(hour.changes)} single changes`;
  return [
    {
      name: `${name}, all on the peer after the last`,
      target: `≤ ${durationText(MOST_BURST_MS)}`,
      measured: `${durationText(burst.equalMs)} (the puts took ${durationText(burst.tookMs)}; ${countText(large.count)} records)`,
      isMet: burst.equalMs <= MOST_BURST_MS,
      how: burstHow,
    },
    {
      name: `${name}, objects written`,
      target: `< ${FEWEST_TOO_MANY}`,
      measured: String(burst.objects),
      isMet: burst.objects < FEWEST_TOO_MANY,
      how: burstHow,
    },
    {
      name: `${name}, peak RssAnon`,
      target: `< ${sizeText(MOST_RSS_KB)} on both`,
      measured: `${sizeText(burst.rssKb)}, peer ${sizeText(burst.peerRssKb)}`,
      isMet: Math.max(burst.rssKb, burst.peerRssKb) < MOST_RSS_KB,
      how: burstHow,
    },
    {
      name: `${hourName}, bytes written`,
      target: `≤ ${MOST_AMPLIFICATION} × bytes changed, and full snapshots of the interval`,
      measured: `${deltaRatio.toFixed(2)} ×, and ${hour.fulls} full snapshot${hour.fulls === 1 ? '' : 's'}`,
      isMet: deltaRatio <= MOST_AMPLIFICATION && hour.fulls <= 1,
      how: hourHow,
    },
    {
      name: `${hourName}, objects listed at once`,
      target: `< ${FEWEST_TOO_MANY}`,
      measured: String(hour.mostListed),
      isMet: hour.mostListed < FEWEST_TOO_MANY,
      how: hourHow,
    },
  ];
}
