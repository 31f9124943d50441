import { compareDbiNames, DbiFlag } from '../lmdb/index.ts';
import { applicationStart, flagsOf, HeaderError, headerProblem, timestampHiOf, timestampLoOf } from '../merge/index.ts';
import { type DbiSource, DUPSORT_TRANSFORM, type EntryCursor } from '../snapshot/index.ts';
import { isPrivate, shadowName } from './names.ts';
import type { DatabaseView, DbiView, EntryWalker } from './view.ts';

/**
 * What a full snapshot is made of: the entries with their times, from the shadows or, in native mode, from the DBIs
 * themselves; flags and transform always those of the application's DBI.
 *
 * @param knownFlags flags of DBIs that the application dropped; one whose flags nobody remembers is left out
 */
export function snapshotSources(
  view: DatabaseView,
  native: boolean,
  knownFlags: ReadonlyMap<string, number>,
): DbiSource[] {
  const names = new Set<string>();
  for (const name of view.dbis.keys()) if (!isPrivate(name)) names.add(name);
  if (!native) for (const name of knownFlags.keys()) if (view.dbis.has(shadowName(name))) names.add(name);
  const sources: DbiSource[] = [];
  for (const name of [...names].sort(compareDbiNames)) {
    const flags = view.dbis.get(name)?.flags ?? knownFlags.get(name)!;
    const tracked = view.dbis.get(native ? name : shadowName(name));
    sources.push({
      name,
      flags,
      transform: flags & DbiFlag.dupSort ? DUPSORT_TRANSFORM : '',
      open: () => (tracked ? new TrackedCursor(tracked) : NO_ENTRIES),
    });
  }
  return sources;
}

const NO_BYTES = Buffer.alloc(0);
const NO_ENTRIES: EntryCursor = {
  next: () => false,
  keyBuffer: NO_BYTES,
  keyStart: 0,
  keyEnd: 0,
  valueBuffer: NO_BYTES,
  valueStart: 0,
  valueEnd: 0,
  timestampHi: 0,
  timestampLo: 0,
  flags: 0,
};

/** A walk over a DBI whose values carry headers, with the headers taken apart. */
class TrackedCursor implements EntryCursor {
  keyBuffer: Buffer = NO_BYTES;
  keyStart = 0;
  keyEnd = 0;
  valueBuffer: Buffer = NO_BYTES;
  valueStart = 0;
  valueEnd = 0;
  timestampHi = 0;
  timestampLo = 0;
  flags = 0;
  readonly #name: string;
  readonly #walker: EntryWalker;

  constructor(dbi: DbiView) {
    this.#name = dbi.name;
    this.#walker = dbi.walk();
  }

  next(): boolean {
    const walker = this.#walker;
    if (!walker.next()) return false;
    const { keyBuffer, keyStart, keyEnd, valueBuffer, valueStart, valueEnd } = walker;
    const at = applicationStart(valueBuffer, valueStart, valueEnd);
    if (at < 0) {
      const problem = headerProblem(valueBuffer, valueStart, valueEnd);
      throw new HeaderError(this.#name, keyBuffer.subarray(keyStart, keyEnd), problem);
    }
    this.keyBuffer = keyBuffer;
    this.keyStart = keyStart;
    this.keyEnd = keyEnd;
    this.timestampHi = timestampHiOf(valueBuffer, valueStart);
    this.timestampLo = timestampLoOf(valueBuffer, valueStart);
    this.flags = flagsOf(valueBuffer, valueStart);
    this.valueBuffer = valueBuffer;
    this.valueStart = this.flags === 0 ? at : valueEnd;
    this.valueEnd = valueEnd;
    return true;
  }
}
