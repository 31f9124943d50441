import type { ContentHash, Differences, Side } from '../../../inspect/index.ts';
import { displayAscii } from '../../display-ascii.ts';
import { jsonTime } from '../../json.ts';

/** Names of the two sides in text and JSON. */
export type SideNames = readonly [left: string, right: string];

export function differencesJson<K extends string>({ counts, first, total }: Differences<K>): object {
  return {
    differences: total,
    counts: Object.fromEntries(counts),
    first: first.map(({ kind, dbi, key, left, right }) => ({
      kind,
      dbi,
      key: key.toString('hex'),
      left: left ? sideJson(left) : null,
      right: right ? sideJson(right) : null,
    })),
  };
}

function sideJson({ timestampNano, deleted, sizeBytes, value }: Side): object {
  return {
    time: timestampNano === undefined ? null : jsonTime(timestampNano),
    deleted,
    sizeBytes,
    value: value.toString('hex'),
  };
}

export function hashText(hash: ContentHash): string {
  const deleted = hash.deleted > 0 ? `, ${hash.deleted} deleted` : '';
  return `${hash.sha256.slice(0, 16)}  ${hash.entries} entries${deleted}`;
}

/** The counts, and the first differences with a line for each side. */
export function differencesText<K extends string>(
  { counts, first, total }: Differences<K>,
  explain: Readonly<Record<K, string>>,
  [leftName, rightName]: SideNames,
  nowMs: number,
): string {
  let text = '';
  for (const [kind, count] of counts) text += `  ${count} ${kind}: ${explain[kind]}\n`;
  for (const { kind, dbi, key, left, right } of first) {
    text += `  ${kind}  ${dbi}  ${displayAscii(key, nowMs)}\n`;
    text += `      ${leftName}: ${sideText(left, nowMs)}\n      ${rightName}: ${sideText(right, nowMs)}\n`;
  }
  if (total > first.length) text += `  … and ${total - first.length} more (--limit)\n`;
  return text;
}

function sideText(side: Side | undefined, nowMs: number): string {
  if (side === undefined) return 'nothing';
  const time = side.timestampNano === undefined ? '' : `${jsonTime(side.timestampNano)}  `;
  if (side.deleted) return `${time}deleted`;
  const cut = side.sizeBytes > side.value.length ? '…' : '';
  return `${time}${side.sizeBytes} bytes  ${displayAscii(side.value, nowMs)}${cut}`;
}
