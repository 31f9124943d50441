import { diffTrees, sameBytes } from '../btree/index.ts';
import { DbiFlag } from '../lmdb/index.ts';
import { isDeleted } from '../merge/index.ts';
import type { DatabaseView, DbiView, EntryWalker } from '../shadow/index.ts';
import { pdnsChangeOf } from './keys.ts';

/** The indexes of zones by name: schema 4, and 5 or later. */
const INDEXES = ['domains_0', 'domains_v5_0'];
/** Behind the name in a key of schema 5 and later. */
const ID_SIZE = 4;

/**
 * Zones of one name that two machines made before either heard of the other: each has an id of its own, and records of its own. Looks
 * at what changed in the index only, but for the first time.
 */
export class DuplicateZones {
  /** By the bytes of the name in the index. */
  #twice = new Map<string, string>();
  #hasLooked = false;

  static hasIndex({ dbis }: DatabaseView): boolean {
    return INDEXES.some((name) => dbis.has(name));
  }

  /**
   * @param from what was looked at before, if its pages can still be read; undefined: everything is looked at
   * @returns the names of all zones that exist twice, when that has changed
   */
  look(from: DatabaseView | undefined, to: DatabaseView): readonly string[] | undefined {
    const before = this.#twice;
    for (const name of INDEXES) {
      const index = to.dbis.get(name);
      const old = from?.dbis.get(name);
      if (!index) continue;
      if (!this.#hasLooked || !old?.tree || !index.tree) this.#twice = twiceIn(index);
      else if (old.tree.root !== index.tree.root) this.#twice = this.#recheck(old, index);
      this.#hasLooked = true;
    }
    const isSame = before.size === this.#twice.size && [...before.keys()].every((key) => this.#twice.has(key));
    return isSame ? undefined : [...this.#twice.values()].sort();
  }

  #recheck(old: DbiView, index: DbiView): Map<string, string> {
    const touched = new Set<string>();
    const isPair = isDupSort(index);
    diffTrees(old.tree, index.tree, {
      candidate: (key, start, end) => touched.add(key.toString('latin1', start, end - ID_SIZE)),
      pair: (key, start, end) => touched.add(key.toString('latin1', start, end)),
    });
    const twice = new Map(this.#twice);
    const walker = index.walk();
    for (const name of touched) {
      const zone = isTwice(walker, Buffer.from(name, 'latin1'), index.name, isPair);
      if (zone === undefined) twice.delete(name);
      else twice.set(name, zone);
    }
    return twice;
  }
}

function isDupSort({ flags }: DbiView): boolean {
  return (flags & DbiFlag.dupSort) !== 0;
}

function twiceIn(index: DbiView): Map<string, string> {
  const twice = new Map<string, string>();
  const isPair = isDupSort(index);
  const walker = index.walk();
  let last = Buffer.alloc(0);
  while (walker.next()) {
    if (!isPair && isMarked(walker)) continue;
    const { keyBuffer, keyStart } = walker;
    const nameEnd = isPair ? walker.keyEnd : walker.keyEnd - ID_SIZE;
    // The same names follow one another: the name comes first in the key.
    if (sameBytes(last, 0, last.length, keyBuffer, keyStart, nameEnd)) {
      const zone = nameIn(walker, index.name);
      if (zone !== undefined) twice.set(last.toString('latin1'), zone);
    } else last = Buffer.from(keyBuffer.subarray(keyStart, Math.max(keyStart, nameEnd)));
  }
  return twice;
}

/** @returns the zone's name when the index has it more than once */
function isTwice(walker: EntryWalker, name: Buffer, indexName: string, isPair: boolean): string | undefined {
  let count = 0;
  for (let more = walker.seek(name); more; more = walker.next()) {
    const { keyBuffer, keyStart, keyEnd } = walker;
    const nameEnd = isPair ? keyEnd : keyEnd - ID_SIZE;
    if (!sameBytes(name, 0, name.length, keyBuffer, keyStart, nameEnd)) break;
    if (isPair || !isMarked(walker)) count++;
    if (count > 1) return nameIn(walker, indexName);
  }
  return undefined;
}

function isMarked({ valueBuffer, valueStart, valueEnd }: EntryWalker): boolean {
  return valueEnd > valueStart && isDeleted(valueBuffer, valueStart);
}

function nameIn(walker: EntryWalker, indexName: string): string | undefined {
  const { keyBuffer, keyStart, keyEnd, valueBuffer, valueStart, valueEnd } = walker;
  const value = valueBuffer.subarray(valueStart, valueEnd);
  const change = pdnsChangeOf(indexName, keyBuffer.subarray(keyStart, keyEnd), value);
  return change?.table === 'domains' ? change.zone : undefined;
}
