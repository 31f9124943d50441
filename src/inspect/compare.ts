import { compareDbiNames, showDbiName } from '../lmdb/index.ts';
import { compareTimes, type Entry } from '../merge/index.ts';
import { type Content, type ContentHash, hashOf, orderOf, type Walker } from './content.ts';
import { Differences, sideOf } from './difference.ts';
import { type OnProgress, PROGRESS_EVERY } from './progress.ts';

/**
 * `onlyLeft`, `onlyRight`: live on one side alone. `value`: live on both with other bytes. `time`: the same value, of another time. `dbi`: a
 * DBI that one side lacks or has with other flags.
 */
export type PairKind = 'onlyLeft' | 'onlyRight' | 'value' | 'time' | 'dbi';

export interface PairReport {
  /** Nothing that an application could see differs; with `times` also no time and no deletion mark. */
  readonly equal: boolean;
  readonly dbis: readonly { readonly dbi: string; readonly left?: ContentHash; readonly right?: ContentHash }[];
  readonly differences: Differences<PairKind>;
}

export interface CompareOptions {
  /** Times and deletion marks count as well. */
  readonly times: boolean;
  readonly limit: number;
  readonly onProgress?: OnProgress | undefined;
}

/** Compares the contents of two LMDBs, or of two objects, DBI by DBI, in one walk over each. */
export function comparePair(
  left: readonly Content[],
  right: readonly Content[],
  { times, limit, onProgress }: CompareOptions,
): PairReport {
  const differences = new Differences<PairKind>(limit);
  const [lefts, rights] = [left, right].map((side) => new Map(side.map((content) => [content.name, content])));
  const names = [...new Set([...lefts!.keys(), ...rights!.keys()])].sort(compareDbiNames);
  const total = [...left, ...right].reduce((sum, { entries }) => sum + 2 * entries, 0);
  let done = 0;
  const step = (): void => {
    if (++done % PROGRESS_EVERY === 0) onProgress?.({ what: 'comparing', done, total, unit: 'entries' });
  };
  const dbis = names.map((name) => {
    const [a, b] = [lefts!.get(name), rights!.get(name)];
    const dbi = showDbiName(name);
    if (a && b && a.flags === b.flags && a.isPairs === b.isPairs) compareContents(a, b, { times, differences, step });
    else differences.add('dbi', () => ({ dbi, key: Buffer.alloc(0), left: undefined, right: undefined }));
    return { dbi, ...(a && { left: hashOf(a, step) }), ...(b && { right: hashOf(b, step) }) };
  });
  return { equal: differences.total === 0, dbis, differences };
}

interface Into {
  readonly times: boolean;
  readonly differences: Differences<PairKind>;
  readonly step: () => void;
}

function compareContents(a: Content, b: Content, { times, differences, step }: Into): void {
  const order = orderOf(a);
  const dbi = showDbiName(a.name);
  const [left, right] = [a.walk(), b.walk()];
  const isWanted = ({ deleted }: Entry): boolean => times || !deleted;
  const advance = (walker: Walker): boolean => {
    while (walker.next()) {
      step();
      if (isWanted(walker.entry)) return true;
    }
    return false;
  };
  const add = (kind: PairKind, l: Entry | undefined, r: Entry | undefined): void =>
    differences.add(kind, () => ({
      dbi,
      key: Buffer.from((l ?? r)!.key()),
      left: l && sideOf(l, a.hasTimes),
      right: r && sideOf(r, b.hasTimes),
    }));
  let hasLeft = advance(left);
  let hasRight = advance(right);
  while (hasLeft || hasRight) {
    const compared = !hasRight ? -1 : !hasLeft ? 1 : order(left.entry, right.entry);
    if (compared === 0) {
      const kind = differenceOf(left.entry, right.entry, times && a.hasTimes && b.hasTimes);
      if (kind) add(kind, left.entry, right.entry);
    } else if (compared < 0) add('onlyLeft', left.entry, undefined);
    else add('onlyRight', undefined, right.entry);
    if (compared <= 0) hasLeft = advance(left);
    if (compared >= 0) hasRight = advance(right);
  }
}

function differenceOf(left: Entry, right: Entry, times: boolean): PairKind | undefined {
  if (left.deleted !== right.deleted) return left.deleted ? 'onlyRight' : 'onlyLeft';
  if (!left.value().equals(right.value())) return 'value';
  if (!times) return undefined;
  const order = compareTimes(left.timestampHi, left.timestampLo, right.timestampHi, right.timestampLo);
  return order === 0 ? undefined : 'time';
}
