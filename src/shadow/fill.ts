import { compareKeys, sameBytes } from '../btree/index.ts';
import type { Filling } from './filling.ts';
import { LocalComparer, type LocalTimes } from './local.ts';
import type { WriteSink } from './planned.ts';
import type { DatabaseView, DbiView, EntryWalker } from './view.ts';

/** The clock is looked at once in so many records. */
const CHECK_EVERY = 64;

/**
 * Copies DBIs into their shadows under the lock, in the order of their keys, until all are copied or the time is up. Always gets on by
 * some records. A key of a DUPSORT DBI is never split.
 *
 * @param filling moves on with what was copied
 * @param view what the write transaction builds on
 * @throws UnsupportedDbiError
 */
export function fillShadows(
  filling: Filling,
  view: DatabaseView,
  times: LocalTimes,
  sink: WriteSink,
  isTimeUp: () => boolean,
): void {
  for (let name = filling.name; name !== undefined; name = filling.name) {
    const main = view.dbis.get(name);
    const stoppedAfter = main && copyDbi(main, filling, times, sink, isTimeUp);
    if (stoppedAfter) {
      filling.stopAfter(stoppedAfter);
      return;
    }
    filling.next();
    // Many small DBIs take their time, too.
    if (main && isTimeUp()) return;
  }
}

/** @returns the last key that was copied; undefined: all were */
function copyDbi(
  main: DbiView,
  filling: Filling,
  times: LocalTimes,
  sink: WriteSink,
  isTimeUp: () => boolean,
): Buffer | undefined {
  const { name, flags } = main;
  const dbi = { name, flags, main, stored: undefined };
  const into = new LocalComparer(dbi, times, sink);
  const late = new LocalComparer(dbi, { ...times, isFirstMigration: false }, sink);
  const { changed } = filling;
  // Too many to know them one by one: the time of the first start is right for what was always there, and never too late.
  const hasChanged = !changed.isEmpty && !changed.hasOverflowed;
  const walker = main.walk();
  let stopAfter: Buffer | undefined;
  into.ensureShadow();
  let more = filling.lastKey ? seekBehind(walker, filling.lastKey, flags) : walker.next();
  for (let count = 1; more; more = walker.next(), count++) {
    const { keyBuffer, keyStart, keyEnd, valueBuffer, valueStart, valueEnd } = walker;
    if (stopAfter && !isKey(walker, stopAfter)) return stopAfter;
    const taker = hasChanged && changed.has(name, keyBuffer, keyStart, keyEnd) ? late : into;
    if (into.isDupSort) taker.pair(keyBuffer, keyStart, keyEnd, valueBuffer, valueStart, valueEnd, true);
    else taker.candidate(keyBuffer, keyStart, keyEnd, valueBuffer, valueStart, valueEnd);
    if (count % CHECK_EVERY === 0 && !stopAfter && isTimeUp()) {
      stopAfter = Buffer.from(keyBuffer.subarray(keyStart, keyEnd));
    }
  }
  return undefined;
}

function seekBehind(walker: EntryWalker, key: Buffer, flags: number): boolean {
  const order = compareKeys(flags);
  let more = walker.seek(key);
  while (more && order(walker.keyBuffer, walker.keyStart, walker.keyEnd, key, 0, key.length) <= 0) more = walker.next();
  return more;
}

function isKey({ keyBuffer, keyStart, keyEnd }: EntryWalker, key: Buffer): boolean {
  return sameBytes(keyBuffer, keyStart, keyEnd, key, 0, key.length);
}
