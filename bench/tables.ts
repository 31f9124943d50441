import type { Measured } from './figures.ts';
import { sidecarTable } from './sidecar-figures.ts';
import { countText, durationText, sizeText } from './statistics.ts';

export interface Table {
  readonly title: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

export function tablesOf({ whole, growth, merge, large, sidecar }: Measured): Table[] {
  return [
    {
      title: 'The whole product, beside the bare liblmdb work',
      head: ['', ...whole.map(({ count }) => `${countText(count)} records`)],
      rows: [
        ['bare: cursor scan', ...whole.map(({ bare }) => durationText(bare.scanMs))],
        ['bare: append main', ...whole.map(({ bare }) => durationText(bare.appendMainMs))],
        ['bare: append shadow', ...whole.map(({ bare }) => durationText(bare.appendShadowMs))],
        ['bare: append both', ...whole.map(({ bare }) => durationText(bare.appendBothMs))],
        ['bare: one committed put', ...whole.map(({ bare }) => durationText(bare.putMs))],
        ['first sync to its object', ...whole.map(({ firstMs }) => durationText(firstMs))],
        ['… from the start of the process', ...whole.map(({ firstFromStartMs }) => durationText(firstFromStartMs))],
        ['… CPU, start included', ...whole.map(({ firstCpuMs }) => durationText(firstCpuMs))],
        ['… peak RssAnon', ...whole.map(({ firstRssKb }) => sizeText(firstRssKb))],
        ['join of an empty instance', ...whole.map(({ joinMs }) => durationText(joinMs))],
        ['… from the start of the process', ...whole.map(({ joinFromStartMs }) => durationText(joinFromStartMs))],
        ['… CPU, start included', ...whole.map(({ joinCpuMs }) => durationText(joinCpuMs))],
        ['… peak RssAnon', ...whole.map(({ joinRssKb }) => sizeText(joinRssKb))],
        ['one change to its object', ...whole.map(({ changeMs }) => durationText(changeMs))],
        ['… CPU', ...whole.map(({ changeCpuMs }) => durationText(changeCpuMs))],
        [
          'size of the full snapshot',
          ...whole.map(({ objectKb }) => `${objectKb < 1024 ? `${objectKb.toFixed(0)} KB` : sizeText(objectKb)}`),
        ],
      ],
    },
    {
      title: 'One change, as the database grows (shadow mode)',
      head: [
        'records',
        'CPU',
        'noticed to committed',
        'write lock',
        "application's put",
        'full comparison',
        'filling the shadow',
        '… write lock',
      ],
      rows: growth.map((changes) => [
        countText(changes.count),
        durationText(changes.cpuMs),
        durationText(changes.noticedToCommittedMs),
        durationText(changes.lockMs),
        durationText(changes.putMs),
        durationText(changes.fullScanMs),
        durationText(changes.firstMs),
        durationText(changes.firstLockMs),
      ]),
    },
    {
      title: `A remote snapshot of ${countText(large)} records`,
      head: ['', 'time', 'write lock'],
      rows: [
        ['decoded, nothing done', durationText(merge.decodeMs), 'none'],
        ['merged, few entries differ', durationText(merge.mergeMs), durationText(merge.mergeLockMs)],
        ['merged into an empty database', durationText(merge.joinMs), durationText(merge.joinLockMs)],
      ],
    },
    sidecarTable(sidecar),
  ];
}
