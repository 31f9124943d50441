import { type ListedObject, previousOf } from './listed.ts';

/** Deltas of ours that others hold as well are kept for so long by default, for peers that are just reading them. */
export const REPLACED_KEEP_MS = 20_000;
/** A full snapshot costs a slow peer more than a compacted delta: up to so many deltas before it wait for the cleaner. */
const MOST_BEFORE_FULL = 24;

/** When a listed object was first seen to be replaced, by name; milliseconds of a clock that never goes back. */
export type ReplacedSince = ReadonlyMap<string, number>;

export interface ReplacedRules {
  readonly isRead?: (full: string) => boolean;
  readonly keepMs?: number;
}

export interface ReplacedDecision {
  readonly deletions: readonly string[];
  /** What has to be read back before others may go because of it. */
  readonly toRead: readonly ListedObject[];
  /** For the next call. */
  readonly since: ReplacedSince;
}

/**
 * Deltas of our own that we remove ourselves, so that the bucket stays small between two runs of the cleaner and without
 * one: those that a listed compacted delta of ours includes; and of those before our newest full snapshot all but the
 * newest few. A peer that was about to read one finds what includes it in its next listing (I10). To be called after a
 * listing.
 * @param own objects under our name in the last listing that could be used, in any order
 * @param isRead false for what nobody has read since it was stored (`Unread`): nothing goes because of it
 */
export function decideReplaced(
  own: readonly ListedObject[],
  before: ReplacedSince,
  nowMs: number,
  { isRead = () => true, keepMs = REPLACED_KEEP_MS }: ReplacedRules = {},
): ReplacedDecision {
  const since = new Map<string, number>();
  const deletions: string[] = [];
  const toRead = new Set<ListedObject>();
  let fullNano: bigint | undefined;
  for (const { name } of own) {
    if (name.kind === 'snapshot' && (fullNano === undefined || name.timestampNano > fullNano)) {
      fullNano = name.timestampNano;
    }
  }
  // The widest first, so that what includes a delta is met before it; and what is not included is met in the order of its end.
  const deltas = own.filter(({ name }) => name.kind === 'delta').sort(byStretch);
  const beforeFull: ListedObject[] = [];
  let widest: ListedObject | undefined;
  let widestRead: ListedObject | undefined;
  for (const delta of deltas) {
    if (widestRead && includesStrictly(widestRead, delta)) note(delta);
    else if (fullNano !== undefined && delta.name.timestampNano <= fullNano) beforeFull.push(delta);
    else if (widest && includesStrictly(widest, delta)) note(delta, widest);
    widest = farther(widest, delta);
    if (isRead(delta.name.full)) widestRead = farther(widestRead, delta);
  }
  for (const delta of beforeFull.slice(0, -MOST_BEFORE_FULL)) note(delta);
  return { deletions, toRead: [...toRead], since };

  function note({ name }: ListedObject, unread?: ListedObject): void {
    const sinceMs = before.get(name.full) ?? nowMs;
    since.set(name.full, sinceMs);
    if (nowMs - sinceMs < keepMs) return;
    if (unread) toRead.add(unread);
    else deletions.push(name.full);
  }
}

function farther(before: ListedObject | undefined, delta: ListedObject): ListedObject {
  return before && before.name.timestampNano >= delta.name.timestampNano ? before : delta;
}

/** By the beginning of the stretch, the longer one of two first. */
function byStretch(a: ListedObject, b: ListedObject): number {
  const [fromA, fromB] = [previousOf(a)!, previousOf(b)!];
  if (fromA !== fromB) return fromA < fromB ? -1 : 1;
  if (a.name.timestampNano !== b.name.timestampNano) return a.name.timestampNano > b.name.timestampNano ? -1 : 1;
  return a.name.full < b.name.full ? -1 : 1;
}

/** Of two objects of the same stretch neither includes the other, so that never both go. */
function includesStrictly(wide: ListedObject, narrow: ListedObject): boolean {
  const [fromWide, fromNarrow] = [previousOf(wide)!, previousOf(narrow)!];
  return (
    fromWide <= fromNarrow &&
    wide.name.timestampNano >= narrow.name.timestampNano &&
    (fromWide < fromNarrow || wide.name.timestampNano > narrow.name.timestampNano)
  );
}
