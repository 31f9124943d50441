import type { DbiDump } from '../support/application/lmdb-dump.ts';
import type { DecodedObject } from '../support/objects/decode-object.ts';

/**
 * A second, independent statement of what must become of changes made while the syncer was stopped (decision 5):
 * plain maps and bigints, nothing of src/.
 */
interface Entry {
  nano: bigint;
  deleted: boolean;
  value: string;
}

export function shadowKeyOf(key: string, value: string, isDupSort: boolean): string {
  if (!isDupSort) return key;
  const length = key.length / 2;
  return `${key}00000000${value.slice(0, (506 - length) * 2)}${length.toString(16).padStart(2, '0')}`;
}

/** `<txn>` of a header is ours to choose. */
function entryOf(stored: string): Entry {
  const deleted = (Number.parseInt(stored.slice(34, 36), 16) & 1) === 1;
  return { nano: BigInt(`0x${stored.slice(0, 16)}`), deleted, value: stored.slice(48) };
}

function winner(a: Entry, b: Entry): Entry {
  if (a.nano !== b.nano) return a.nano > b.nano ? a : b;
  if (a.value !== b.value) return a.value < b.value ? a : b;
  return a.deleted ? a : b;
}

/** The time of what changed while we were stopped: the file's, but not before the newest entry of the shadow, which we wrote before. */
export function offlineNano(before: Record<string, DbiDump>, mtimeNano: bigint): bigint {
  const shadows = Object.entries(before).filter(([name]) => name.startsWith('_sync_shadow_'));
  const known = shadows.flatMap(([, { entries }]) => entries.map(([, stored]) => entryOf(stored).nano));
  return known.reduce((newest, nano) => (nano > newest ? nano : newest), mtimeNano);
}

/**
 * Entries that the application added, changed or deleted while we were stopped, and what wins for each: by DBI, then
 * shadow key.
 */
export function offlineWinners(
  before: Record<string, DbiDump>,
  remotes: readonly DecodedObject[],
  mtimeNano: bigint,
): Map<string, Map<string, Entry>> {
  const result = new Map<string, Map<string, Entry>>();
  for (const [shadowName, shadow] of Object.entries(before)) {
    if (!shadowName.startsWith('_sync_shadow_')) continue;
    const name = shadowName.slice('_sync_shadow_'.length);
    const isDupSort = before[name]?.flags.includes('dupsort') ?? false;
    const main = new Map((before[name]?.entries ?? []).map(([k, v]) => [shadowKeyOf(k, v, isDupSort), v]));
    const known = new Map(shadow.entries.map(([key, stored]) => [key, entryOf(stored)]));
    const winners = new Map<string, Entry>();
    for (const key of new Set([...main.keys(), ...known.keys()])) {
      const old = known.get(key);
      const value = main.get(key);
      const isSame = value === undefined ? !old || old.deleted : old && !old.deleted && old.value === value;
      if (isSame) continue;
      const nano = old && old.nano >= mtimeNano ? old.nano + 1n : mtimeNano;
      let entry: Entry = { nano, deleted: value === undefined, value: value ?? '' };
      for (const remote of remotes) {
        const theirs = remote.dbis.find((dbi) => dbi.name === name)?.entries.find((candidate) => candidate.key === key);
        if (!theirs) continue;
        const deleted = (theirs.flags & 1) === 1;
        entry = winner({ nano: BigInt(theirs.timestampNano), deleted, value: deleted ? '' : theirs.value }, entry);
      }
      winners.set(key, entry);
    }
    if (winners.size > 0) result.set(name, winners);
  }
  return result;
}

/** The reference's result with the winners in the place of what it made of offline changes. */
export function withOfflineWinners(
  after: Record<string, DbiDump>,
  winners: ReadonlyMap<string, ReadonlyMap<string, Entry>>,
): Record<string, DbiDump> {
  const result = { ...after };
  for (const [name, entries] of winners) {
    const shadow = new Map(after[`_sync_shadow_${name}`]!.entries);
    for (const [key, { nano, deleted, value }] of entries) {
      const time = nano.toString(16).padStart(16, '0');
      shadow.set(key, `${time}${'0'.repeat(16)}00${deleted ? '01' : '00'}${'0'.repeat(12)}${value}`);
    }
    const sorted = [...shadow].sort(([a], [b]) => (a < b ? -1 : 1));
    const isDupSort = after[name]!.flags.includes('dupsort');
    const live = sorted.filter(([, stored]) => !entryOf(stored).deleted);
    const main = live.map(([key, stored]): [string, string] => [applicationKey(key, isDupSort), entryOf(stored).value]);
    main.sort(([ak, av], [bk, bv]) => (ak === bk ? (av < bv ? -1 : 1) : ak < bk ? -1 : 1));
    result[`_sync_shadow_${name}`] = { ...after[`_sync_shadow_${name}`]!, entries: sorted };
    result[name] = { ...after[name]!, entries: main };
  }
  return result;
}

function applicationKey(key: string, isDupSort: boolean): string {
  return isDupSort ? key.slice(0, Number.parseInt(key.slice(-2), 16) * 2) : key;
}

/** The same for the object that was uploaded: it holds the shadow. */
export function uploadWithOfflineWinners(
  upload: DecodedObject,
  winners: ReadonlyMap<string, ReadonlyMap<string, Entry>>,
): DecodedObject {
  return {
    ...upload,
    dbis: upload.dbis.map((dbi) => {
      if (!winners.has(dbi.name)) return dbi;
      const entries = new Map(dbi.entries.map((entry) => [entry.key, entry]));
      for (const [key, { nano, deleted, value }] of winners.get(dbi.name) ?? []) {
        entries.set(key, { key, value, timestampNano: nano.toString(), flags: deleted ? 1 : 0 });
      }
      return { ...dbi, entries: [...entries.values()].sort((a, b) => (a.key < b.key ? -1 : 1)) };
    }),
  };
}
