import { createHash } from 'node:crypto';
import { DbiFlag, type Environment } from '../../../src/lmdb/index.ts';
import { shadowKeyOf } from '../../golden/offline-model.ts';
import { type Entry, storedEntry } from './entry.ts';

const SHADOW = '_sync_shadow_';

/** What an LMDB holds. */
export interface Content {
  /** The application's values by id; in native mode those that live. */
  readonly main: ReadonlyMap<string, string>;
  /** Of the shadow, or in native mode of main. */
  readonly entries: ReadonlyMap<string, Entry>;
  /** A first filling has not ended. */
  readonly isFilling: boolean;
  readonly hasShadow: boolean;
  /** DBIs of the application that have one; the others are still to be filled. */
  readonly shadowed: ReadonlySet<string>;
}

/** Values that an entry may have had. */
type Known = (id: string) => readonly string[];

/** The same, where the entries lie in a sidecar (decision 16): of a longer value there is only a digest. */
export function contentBeside(environment: Environment, sidecar: Environment, known: Known): Content {
  const { main } = contentOf(environment, false);
  const { isFilling, hasShadow, shadowed, entries } = contentOf(sidecar, false, (id, stored) => {
    const entry = storedEntry(stored);
    const form = entry.deleted ? PLAIN : stored[FORM_AT];
    if (form === PLAIN) return entry;
    if (form === IN_KEY) return { ...entry, value: valueInKey(Buffer.from(id.slice(id.indexOf('/') + 1), 'hex')) };
    const value = [main.get(id), ...known(id)].find((hex) => hex !== undefined && digestOf(hex) === entry.value);
    return { ...entry, value: value ?? `digest ${entry.value}` };
  });
  return { main, entries, isFilling, hasShadow, shadowed };
}

const FORM_AT = 18;
const PLAIN = 0;
const IN_KEY = 2;
const SEPARATOR_BYTES = 4;

function valueInKey(key: Buffer): string {
  return key.toString('hex', key.at(-1)! + SEPARATOR_BYTES, key.length - 1);
}

function digestOf(hex: string): string {
  return createHash('sha256').update(hex, 'hex').digest('hex').slice(0, 32);
}

/** Reads all of it with liblmdb's own cursors. */
export function contentOf(
  environment: Environment,
  native: boolean,
  entryOf = (_id: string, stored: Buffer): Entry => storedEntry(stored),
): Content {
  const main = new Map<string, string>();
  const entries = new Map<string, Entry>();
  let isFilling = false;
  const shadowed = new Set<string>();
  environment.read((transaction) => {
    for (const name of transaction.dbiNames()) {
      const dbi = transaction.openDbi(name)!;
      const isShadow = name.startsWith(SHADOW);
      isFilling ||= name === '_sync_lmdbstream_fill';
      if (isShadow) shadowed.add(name.slice(SHADOW.length));
      if (name.startsWith('_sync') && !isShadow) continue;
      const isDupSort = (transaction.dbiFlags(dbi) & DbiFlag.dupSort) !== 0;
      const cursor = transaction.cursor(dbi);
      while (cursor.next()) {
        const key = cursor.key().toString('hex');
        const value = cursor.value();
        const id = `${name.slice(SHADOW.length)}/${key}`;
        if (isShadow) entries.set(id, entryOf(id, value));
        else if (!native) {
          const hex = value.toString('hex');
          main.set(`${name}/${shadowKeyOf(key, hex, isDupSort)}`, hex);
        } else {
          const entry = storedEntry(value);
          entries.set(`${name}/${key}`, entry);
          if (!entry.deleted) main.set(`${name}/${key}`, entry.value);
        }
      }
      cursor.close();
    }
  });
  return { main, entries, isFilling, hasShadow: shadowed.size > 0, shadowed };
}
