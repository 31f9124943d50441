import type { Config } from '../config/index.ts';
import { showDbiName } from '../lmdb/index.ts';
import { Entry, isStaleDeletion, type Time } from '../merge/index.ts';
import { isPrivate, type PlannedDbi, type PlannedWrite, RemoteComparer, storeOf } from '../shadow/index.ts';
import {
  CorruptSnapshotError,
  type EntryRef,
  isDeletedEntry,
  RefusedSnapshotError,
  readSnapshot,
  type SnapshotVisitor,
} from '../snapshot/index.ts';
import { type ObjectStorage, Spool, StorageError } from '../storage/index.ts';
import { listByInstance, type NamedObject, objectsThatCount } from './bucket-objects.ts';
import { type ContentHash, contentsOf, hashOf } from './content.ts';
import type { OpenDatabase } from './database.ts';
import { Differences, sideOf } from './difference.ts';
import { FingerprintSet } from './fingerprints.ts';
import { type OnProgress, PROGRESS_EVERY } from './progress.ts';
import { findUnrecorded } from './unrecorded.ts';

/**
 * `unmerged`: an object holds a newer entry than the LMDB. `unpublished`: the LMDB holds an entry that no object has. `unrecorded`: the
 * application has changed an entry, and its shadow does not know yet. Left is the LMDB, right the bucket.
 */
export type BucketKind = 'unmerged' | 'unpublished' | 'unrecorded';

export interface RefusedObject {
  readonly name: string;
  readonly reason: string;
}

export interface BucketReport {
  readonly database: string;
  readonly equal: boolean;
  /** Names of the objects that were read. */
  readonly objects: readonly string[];
  /** Objects that every instance refuses; what only they hold is in no database. */
  readonly refused: readonly RefusedObject[];
  readonly dbis: readonly ContentHash[];
  readonly differences: Differences<BucketKind>;
}

export interface VerifyOptions {
  readonly config: Pick<Config, 'maxDecompressedSizeBytes'>;
  /** Deletion marks before it may be missing on either side: they have been swept, or are about to be. */
  readonly cutoff: Time;
  /** How many differences are described. */
  readonly limit: number;
  readonly signal: AbortSignal;
  readonly onProgress?: OnProgress | undefined;
}

/**
 * Compares one LMDB with what the bucket holds of it: every instance's newest full snapshot and the deltas after it. Memory: 16 to 32 bytes
 * for each entry of the bucket, and the largest object (in a temporary file beyond 1 MB).
 * @throws StorageError, HeaderError, UnsupportedDbiError, the signal's reason
 */
export async function verifyWithBucket(
  database: OpenDatabase,
  objects: readonly NamedObject[],
  storage: ObjectStorage,
  options: VerifyOptions,
): Promise<BucketReport> {
  const run = new BucketRun(database, options);
  const refused: RefusedObject[] = [];
  const read: string[] = [];
  for (const { name } of objects) {
    const outcome = await run.read(name.full, storage);
    if (outcome === undefined) read.push(name.full);
    else if (outcome !== 'gone') refused.push({ name: name.full, reason: outcome });
  }
  run.findOwn();
  const { name } = database;
  const { differences } = run;
  // What cannot be read cannot be equal.
  const equal = differences.total === 0 && refused.length === 0;
  return { database: name, equal, objects: read, refused, dbis: run.hashes(), differences };
}

/** The objects that `verifyWithBucket` is to read, from a listing; see `objectsThatCount`. */
export async function objectsOf(database: string, storage: ObjectStorage, signal: AbortSignal): Promise<NamedObject[]> {
  return (await listByInstance(database, storage, signal)).flatMap(objectsThatCount);
}

class BucketRun {
  readonly differences: Differences<BucketKind>;
  readonly #database: OpenDatabase;
  readonly #options: VerifyOptions;
  /** Every entry of every object. */
  readonly #inBucket = new FingerprintSet();
  /** Keys that the bucket has something newer of. */
  readonly #newerThere = new FingerprintSet();
  #done = 0;

  constructor(database: OpenDatabase, options: VerifyOptions) {
    this.#database = database;
    this.#options = options;
    this.differences = new Differences<BucketKind>(options.limit);
  }

  /** @returns undefined when it was read; why it is refused; `gone` when it has been cleaned away since the listing */
  async read(objectName: string, storage: ObjectStorage): Promise<string | undefined> {
    const { signal, config } = this.#options;
    const spool = new Spool();
    try {
      const { stream } = await storage.load(objectName, { signal });
      for await (const chunk of stream) spool.append(chunk);
      spool.finish();
      const limits = { maxDecompressedBytes: config.maxDecompressedSizeBytes };
      const how = { objectName, limits, signal };
      // First to its end, as the merge does: of an object that is refused nothing counts.
      await readSnapshot(() => spool.open(), this.#comparer(objectName, ignoreWinner), how);
      const comparer = this.#comparer(objectName, (dbi, write) => this.#addUnmerged(dbi, write));
      await readSnapshot(() => spool.open(), this.#remembering(comparer, objectName), how);
      return undefined;
    } catch (error) {
      if (error instanceof StorageError) {
        if (error.notFound) return 'gone';
        throw error;
      }
      if (error instanceof CorruptSnapshotError || error instanceof RefusedSnapshotError) return error.message;
      throw error;
    } finally {
      spool.dispose();
    }
  }

  #comparer(objectName: string, onWinner: OnWinner): RemoteComparer {
    const { view, schema } = this.#database;
    const names: string[] = [];
    const winners = {
      addDbi: ({ name }: PlannedDbi) => names.push(name) - 1,
      add: (write: PlannedWrite) => onWinner(names[write.dbi]!, write),
      noteDisorder() {},
      restart() {},
    };
    const { cutoff } = this.#options;
    const options = { objectName, schema, view, cutoff, onPrivateDbi() {}, values: 'present' } as const;
    return new RemoteComparer(options, winners);
  }

  /** The same calls, and every entry into the set of what the bucket has. */
  #remembering(comparer: RemoteComparer, objectName: string): SnapshotVisitor {
    let dbiName = '';
    const entry = new EntryOfObject();
    return {
      header: (header) => {
        entry.formatVersion = header.formatVersion;
        comparer.header(header);
      },
      dbi: (dbi) => {
        dbiName = dbi.name;
        comparer.dbi(dbi);
      },
      entry: (ref) => {
        if (!isPrivate(dbiName)) this.#inBucket.addEntry(dbiName, entry.show(ref));
        this.#step(`${this.#database.name}: ${objectName}`);
        comparer.entry(ref);
      },
      dbiEnd: () => comparer.dbiEnd(),
      restart: () => comparer.restart(),
    };
  }

  #addUnmerged(dbiName: string, write: PlannedWrite): void {
    // Several objects may hold it.
    if (!this.#newerThere.addKey(dbiName, write)) return;
    this.differences.add('unmerged', () => ({
      dbi: showDbiName(dbiName),
      key: Buffer.from(write.key()),
      left: this.#here(dbiName, write),
      right: sideOf(write, true),
    }));
  }

  #here(dbiName: string, { keyBuffer, keyStart, keyEnd }: Entry) {
    const { view, schema } = this.#database;
    const reader = storeOf(schema.native).entries(view, dbiName)?.reader('present');
    return reader?.find(keyBuffer, keyStart, keyEnd) ? sideOf(reader.entry, true) : undefined;
  }

  /** What is only here: not in the bucket, or not even in a shadow. */
  findOwn(): void {
    const { view, schema, name } = this.#database;
    const store = storeOf(schema.native);
    for (const dbiName of store.dbiNames(view)) {
      // The shadow of a DBI that the application dropped is published no more.
      const stored = view.dbis.has(dbiName) ? store.entries(view, dbiName) : undefined;
      const walker = stored?.walk('present');
      while (walker?.next()) {
        this.#step(`${name}: looking for what the bucket lacks`);
        const { entry } = walker;
        if (this.#inBucket.hasEntry(dbiName, entry) || this.#newerThere.hasKey(dbiName, entry)) continue;
        if (isStaleDeletion(entry, this.#options.cutoff)) continue;
        const key = Buffer.from(entry.key());
        this.differences.add('unpublished', () => ({
          dbi: showDbiName(dbiName),
          key,
          left: sideOf(entry, true),
          right: undefined,
        }));
      }
    }
    const names: string[] = [];
    findUnrecorded(view, schema, {
      addDbi: (dbi) => names.push(dbi.name) - 1,
      add: (write) =>
        this.differences.add('unrecorded', () => ({
          dbi: showDbiName(names[write.dbi]!),
          key: Buffer.from(write.key()),
          left: sideOf(write, false),
          right: undefined,
        })),
    });
  }

  hashes(): ContentHash[] {
    const { view, schema, name } = this.#database;
    return contentsOf(view, schema.native).map((content) => hashOf(content, () => this.#step(`${name}: hashing`)));
  }

  #step(what: string): void {
    if (++this.#done % PROGRESS_EVERY !== 0) return;
    this.#options.onProgress?.({ what, done: this.#done, total: undefined, unit: 'entries' });
  }
}

type OnWinner = (dbiName: string, write: PlannedWrite) => void;

function ignoreWinner(): void {}

/** An entry as an object holds it. */
class EntryOfObject extends Entry {
  formatVersion = 0;

  show({ buffer, keyStart, keyEnd, valueStart, valueEnd, timestampHi, timestampLo, flags }: EntryRef): this {
    this.setKey(buffer, keyStart, keyEnd);
    this.setTime(timestampHi, timestampLo);
    if (isDeletedEntry(this.formatVersion, flags, valueEnd - valueStart)) this.setDeleted();
    else this.setValue(buffer, valueStart, valueEnd);
    return this;
  }
}
