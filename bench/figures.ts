import { type DeltaFigures, deltaFigures } from './delta-figures.ts';
import { type Figure, ratio } from './figure.ts';
import type { MergeResult } from './inside/merge.ts';
import type { Changes } from './parts.ts';
import type { SidecarResult } from './sidecar.ts';
import { sidecarFigures } from './sidecar-figures.ts';
import { countText, durationText, sizeText } from './statistics.ts';
import type { LargeWaits, Waits } from './waits.ts';
import type { Peaks, WholeResult } from './whole.ts';

/** Everything that one run of the bench measured. */
export interface Measured {
  /** The largest whole database: 1 M records, or what `--quick` takes. */
  readonly large: number;
  readonly whole: readonly WholeResult[];
  /** Shadow mode, growing. */
  readonly growth: readonly Changes[];
  readonly native: readonly [small: Changes, large: Changes];
  readonly duplicates: readonly [small: Changes, large: Changes];
  readonly waits: Waits;
  readonly largeWaits: LargeWaits;
  /** Of a database four times as large. */
  readonly peaks: Peaks;
  readonly merge: MergeResult;
  readonly differing: number;
  readonly deltas: DeltaFigures;
  readonly sidecar: SidecarResult;
}

export function figuresOf(measured: Measured): Figure[] {
  return [
    ...wholeFigures(measured),
    ...memoryFigures(measured),
    ...deltaFigures(measured.deltas),
    ...waitFigures(measured),
    ...changeFigures(measured),
    ...remoteFigures(measured),
    ...sidecarFigures(measured.sidecar),
  ];
}

function wholeFigures({ whole, large }: Measured): Figure[] {
  const result = whole.find(({ count }) => count === large)!;
  const { bare } = result;
  const size = countText(large);
  return [
    ratio({
      name: `first sync of ${size} records`,
      limit: 3.5,
      of: 'scan + append',
      value: result.firstRatio,
      detail: `${durationText(result.firstMs)} against ${durationText(bare.scanMs)} + ${durationText(bare.appendShadowMs)}`,
      how:
        'The real `lmdbstream sync` on a filled LMDB and an empty bucket, from "Opened LMDB" to "Stored snapshot" in its log: ' +
        'reading all records, writing the shadow, packing and storing the snapshot. Against a cursor scan of the same rows plus ' +
        'one transaction that appends the rows of the shadow to an empty file, committed; ratio within each run, median of the runs.',
    }),
    ratio({
      name: `join of an empty instance, ${size} records`,
      limit: 2.5,
      of: `append of the ${countText(2 * large)} rows written`,
      value: result.joinRatio,
      detail: `${durationText(result.joinMs)} against ${durationText(bare.appendBothMs)}`,
      how:
        'The real `lmdbstream receive` on an empty LMDB and a bucket with that snapshot, from "Opened LMDB" to "Loaded remote ' +
        'update": download, checking, unpacking, merging, main and shadow written and committed. Against one transaction that appends ' +
        'the rows of both, committed.',
    }),
  ];
}

function memoryFigures({ whole, large, peaks }: Measured): Figure[] {
  const result = whole.find(({ count }) => count === large)!;
  const { bare } = result;
  const size = countText(large);
  const grown = (name: string, peakKb: number, smallKb: number) =>
    ratio({
      name: `peak RssAnon of the ${name}, ${countText(peaks.count)} records`,
      limit: 1.2,
      of: `the same with ${size}`,
      value: peakKb / smallKb,
      detail: `${sizeText(peakKb)} against ${sizeText(smallKb)}`,
      how: 'The same, once, with a database four times as large.',
    });
  return [
    memory(`peak RssAnon of the first sync, ${size} records`, result.firstRssKb, ''),
    memory(
      `peak RssAnon of the join, ${size} records`,
      result.joinRssKb,
      `; in one transaction LMDB's dirty pages alone are ${sizeText(bare.appendBothRssKb)}`,
    ),
    grown('first sync', peaks.firstRssKb, result.firstRssKb),
    grown('join', peaks.joinRssKb, result.joinRssKb),
  ];
}

const MOST_LARGE_WAIT_MS = 150;

function waitFigures({ waits, largeWaits, large }: Measured): Figure[] {
  const longest = (name: string, ms: number, how: string): Figure => ({
    name: `longest wait for the write lock, ${name} of ${countText(large)} records`,
    target: `≤ ${MOST_LARGE_WAIT_MS} ms`,
    measured: `${durationText(ms)} (longest put without us ${durationText(largeWaits.quietLongestMs)})`,
    isMet: ms <= MOST_LARGE_WAIT_MS,
    how,
  });
  const again = 'The longest wait of each run, median of the runs.';
  return [
    longest(
      'first sync',
      largeWaits.firstMs,
      `The application commits one record every 2 ms while the real \`lmdbstream sync\` starts and fills the shadow. ${again}`,
    ),
    longest(
      'join',
      largeWaits.joinMs,
      'The application takes the write lock and gives it back every 2 ms, so that its LMDB stays empty, while the real ' +
        `\`lmdbstream receive\` joins. ${again}`,
    ),
    longest(
      'merge beside changes',
      largeWaits.mergeMs,
      'The application commits one record every 2 ms in an LMDB of 1,000, while the real `lmdbstream receive` merges all the others. ' +
        again,
    ),
    ratio({
      name: `longest wait for the write lock, ${countText(large)} records`,
      limit: 10,
      of: 'a committed put',
      value: waits.longestMs / waits.quietPutMs,
      detail: `${durationText(waits.longestMs)} of ${waits.puts} waits (median ${durationText(waits.medianMs)}), put ${durationText(waits.quietPutMs)}, longest put without us ${durationText(waits.quietLongestMs)}`,
      how:
        'The application commits one record every 10 ms while the real `lmdbstream sync` records and publishes its changes: the ' +
        'longest of its waits in `mdb_txn_begin`, against its own median put, begin to commit, before the product ran.',
    }),
  ];
}

function changeFigures({ growth, native, duplicates, large }: Measured): Figure[] {
  const at = (count: number) => growth.find((changes) => changes.count === count)!;
  const one = at(large);
  const cpuHow =
    'The application, another process, commits one changed record; then the tracker notices it, finds it by comparing page ' +
    'numbers and writes it to the shadow. CPU time of the whole process around that, system time of the commit included, ' +
    `publishing left out; median of ${one.rounds} changes after 100 that do not count.`;
  const cpu = (name: string, small: Changes, big: Changes) =>
    ratio({
      name: `CPU of one change, ${name}`,
      limit: 1.5,
      of: `the same with ${countText(small.count)}`,
      value: big.cpuMs / small.cpuMs,
      detail: `${durationText(big.cpuMs)} against ${durationText(small.cpuMs)}`,
      how: cpuHow,
    });
  return [
    cpu(`shadow mode, ${countText(large)} records`, at(1000), one),
    cpu(`native mode, ${countText(native[1].count)} records`, ...native),
    cpu(`dupsort_hack, ${countText(duplicates[1].count)} duplicates`, ...duplicates),
    ratio({
      name: `change noticed to committed, ${countText(large)} records`,
      limit: 10,
      of: 'a committed put',
      value: one.noticedToCommittedMs / one.putMs,
      detail: `${durationText(one.noticedToCommittedMs)} against ${durationText(one.putMs)}, lock ${durationText(one.lockMs)}`,
      how: 'The same changes: time from the look at the meta page to the end of the commit, medians of it and of the puts between.',
    }),
  ];
}

function remoteFigures({ merge, differing, large }: Measured): Figure[] {
  const name = `snapshot of ${countText(large)} records, ${differing} differ`;
  const how =
    'In-process: a snapshot of all records with a few newer ones is merged into a database that has the others. Decoding is the ' +
    'same reader with a visitor that does nothing, on the same object just before. Medians; the first run does not count.';
  return [
    ratio({
      name: `lock of a ${name}`,
      limit: 15,
      of: 'a committed put',
      value: merge.mergeLockMs / merge.putMs,
      detail: `${durationText(merge.mergeLockMs)} against ${durationText(merge.putMs)}`,
      how,
    }),
    ratio({
      name: `merge of a ${name}`,
      limit: 1.5,
      of: 'decoding it',
      value: merge.mergeRatio,
      detail: `${durationText(merge.mergeMs)} against ${durationText(merge.decodeMs)}`,
      how,
    }),
  ];
}

const MEMORY_LIMIT_KB = 250 * 1024;

function memory(name: string, peakKb: number, detail: string): Figure {
  return {
    name,
    target: `≤ ${sizeText(MEMORY_LIMIT_KB)}`,
    measured: `${sizeText(peakKb)}${detail}`,
    isMet: peakKb <= MEMORY_LIMIT_KB,
    how: 'The highest RssAnon of `/proc/PID/status`, read every 4 ms from outside; highest of each run, median of the runs.',
  };
}
