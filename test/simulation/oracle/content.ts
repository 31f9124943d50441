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
}

/** Reads all of it with liblmdb's own cursors. */
export function contentOf(environment: Environment, native: boolean): Content {
  const main = new Map<string, string>();
  const entries = new Map<string, Entry>();
  let isFilling = false;
  let hasShadow = false;
  environment.read((transaction) => {
    for (const name of transaction.dbiNames()) {
      const dbi = transaction.openDbi(name)!;
      const isShadow = name.startsWith(SHADOW);
      isFilling ||= name === '_sync_lmdbstream_fill';
      hasShadow ||= isShadow;
      if (name.startsWith('_sync') && !isShadow) continue;
      const isDupSort = (transaction.dbiFlags(dbi) & DbiFlag.dupSort) !== 0;
      const cursor = transaction.cursor(dbi);
      while (cursor.next()) {
        const key = cursor.key().toString('hex');
        const value = cursor.value();
        if (isShadow) entries.set(`${name.slice(SHADOW.length)}/${key}`, storedEntry(value));
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
  return { main, entries, isFilling, hasShadow };
}
