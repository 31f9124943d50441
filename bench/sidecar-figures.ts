import { type Figure, ratio } from './figure.ts';
import type { Shape, SidecarResult } from './sidecar.ts';
import { countText, durationText, sizeText } from './statistics.ts';
import type { Table } from './tables.ts';

const MOST_OF_SHORT = 0.7;
const MOST_OF_WIDE = 0.1;
const MOST_TIME = 1.2;
const MOST_CPU = 1.5;
const MOST_GROWTH = 1.01;

export function sidecarFigures(result: SidecarResult): Figure[] {
  const { short, wide } = result;
  return [
    ...sizeFigures(result, short, MOST_OF_SHORT),
    ...sizeFigures(result, wide, MOST_OF_WIDE),
    ...startFigures(result, short),
    ...startFigures(result, wide),
    ...insideFigures(result),
  ];
}

function nameOf({ count }: SidecarResult, { valueText }: Shape, what: string): string {
  return `sidecar: ${what}, ${countText(count)} values of ${valueText}`;
}

function howStarted({ changes }: SidecarResult): string {
  return (
    'An application fills an LMDB in random order, 1,000 records a transaction. Two copies of it: the real `lmdbstream sync` on each, one with ' +
    '`shadow: sidecar`, with an empty bucket, from "Opened LMDB" to "Stored snapshot" in its log; then the application commits ' +
    `${changes} single changes, one every 5 ms. Sizes of the files: before, after the start, and after the changes. The write locks that we took ` +
    'are counted by the product (`lmdbstream_lock_held_seconds_count`), the waits by the application, in `mdb_txn_begin`. Ratios within each run; ' +
    'medians of 3 runs, and of values of 1 KiB of one.'
  );
}

function sizeFigures(result: SidecarResult, shape: Shape, most: number): Figure[] {
  const { beforeKb, startedKb, afterKb, sidecarKb } = shape.sidecar;
  const how = howStarted(result);
  const isAsBefore = startedKb === beforeKb && afterKb <= MOST_GROWTH * beforeKb;
  return [
    {
      name: nameOf(result, shape, "size of the application's LMDB"),
      target: 'its size without us',
      measured: `${sizeText(startedKb)}, before ${sizeText(beforeKb)}, after ${result.changes} changes ${sizeText(afterKb)} (inline ${sizeText(shape.inline.startedKb)})`,
      isMet: isAsBefore,
      how,
    },
    ratio({
      name: nameOf(result, shape, 'its size'),
      limit: most,
      of: "the application's LMDB",
      value: sidecarKb / beforeKb,
      detail: `${sizeText(sidecarKb)} against ${sizeText(beforeKb)}`,
      how,
    }),
  ];
}

function startFigures(result: SidecarResult, shape: Shape): Figure[] {
  const { inline, sidecar } = shape;
  const how = howStarted(result);
  const locks = sidecar.firstLocks + sidecar.changeLocks;
  return [
    {
      name: nameOf(result, shape, `write locks taken for the first start and ${result.changes} changes`),
      target: 'none',
      measured:
        `${locks} (inline ${inline.firstLocks + inline.changeLocks}); longest wait of the application ${durationText(sidecar.longestWaitMs)}, ` +
        `inline ${durationText(inline.longestWaitMs)}`,
      isMet: locks === 0,
      how,
    },
    ratio({
      name: nameOf(result, shape, 'first start'),
      limit: MOST_TIME,
      of: 'the same inline',
      value: shape.firstRatio,
      detail: `${durationText(sidecar.firstMs)} against ${durationText(inline.firstMs)}`,
      how,
    }),
    ratio({
      name: nameOf(result, shape, 'peak RssAnon of the first start'),
      limit: 1,
      of: 'the same inline',
      value: shape.rssRatio,
      detail: `${sizeText(sidecar.firstRssKb)} against ${sizeText(inline.firstRssKb)}`,
      how,
    }),
  ];
}

function insideFigures(result: SidecarResult): Figure[] {
  const { inline, sidecar, fillRatio, cpuRatio } = result.inside;
  const how =
    'The same LMDB with values of 45 bytes, in one process that does nothing else: the first round of the tracker, which fills the shadow, and then ' +
    `${result.changes} single changes that the application commits, measured as "CPU of one change" above. Ratios within each run, median of 3 runs.`;
  return [
    ratio({
      name: nameOf(result, result.short, 'first fill alone'),
      limit: MOST_TIME,
      of: 'the same inline',
      value: fillRatio,
      detail: `${durationText(sidecar.firstMs)} against ${durationText(inline.firstMs)}`,
      how,
    }),
    ratio({
      name: nameOf(result, result.short, 'CPU of one change'),
      limit: MOST_CPU,
      of: 'the same inline',
      value: cpuRatio,
      detail: `${durationText(sidecar.cpuMs)} against ${durationText(inline.cpuMs)}`,
      how,
    }),
  ];
}

/** For `docs/performance.md` and `docs/shadow.md`. */
export function sidecarTable({ count, changes, short, wide, inside }: SidecarResult): Table {
  const rowsOf = ({ valueText, inline, sidecar, firstRatio, rssRatio }: Shape): string[][] => {
    const of = (what: string): string => `${valueText}: ${what}`;
    const isSame = sidecar.startedKb === inline.beforeKb;
    return [
      [
        of(`the LMDB after the first start (${sizeText(inline.beforeKb)} before)`),
        sizeText(inline.startedKb),
        sizeText(sidecar.startedKb),
        isSame ? 'as before' : `${(sidecar.startedKb / inline.beforeKb).toFixed(3)}`,
      ],
      [
        of('the sidecar'),
        '',
        sizeText(sidecar.sidecarKb),
        `${times(sidecar.sidecarKb / sidecar.beforeKb)} of the LMDB`,
      ],
      [of('first start'), durationText(inline.firstMs), durationText(sidecar.firstMs), times(firstRatio)],
      [of('… write locks taken'), `${inline.firstLocks}`, `${sidecar.firstLocks}`, ''],
      [of('… peak RssAnon'), sizeText(inline.firstRssKb), sizeText(sidecar.firstRssKb), times(rssRatio)],
      [of(`write locks taken for ${changes} changes`), `${inline.changeLocks}`, `${sidecar.changeLocks}`, ''],
      [
        of("the application's longest wait meanwhile"),
        durationText(inline.longestWaitMs),
        durationText(sidecar.longestWaitMs),
        '',
      ],
    ];
  };
  return {
    title: `A sidecar beside ${countText(count)} records`,
    head: ['', 'inline', 'sidecar', 'ratio'],
    rows: [...rowsOf(short), ...insideRows(short.valueText, inside), ...rowsOf(wide)],
  };
}

function insideRows(valueText: string, { inline, sidecar, fillRatio, cpuRatio }: SidecarResult['inside']): string[][] {
  const row = (what: string, value: (of: typeof inline) => number, ratioOf: number): string[] => [
    `${valueText}: ${what}`,
    durationText(value(inline)),
    durationText(value(sidecar)),
    times(ratioOf),
  ];
  return [
    row('the first fill alone', ({ firstMs }) => firstMs, fillRatio),
    row('everything compared', ({ fullScanMs }) => fullScanMs, sidecar.fullScanMs / inline.fullScanMs),
    row('CPU of one change', ({ cpuMs }) => cpuMs, cpuRatio),
  ];
}

function times(value: number): string {
  return value.toFixed(2);
}
