import { readdirSync } from 'node:fs';
import { expect } from 'vitest';
import { parseSnapshotName, readSnapshot } from '../../src/snapshot/index.ts';
import { type ObjectStorage, StorageError } from '../../src/storage/index.ts';
import { openPlace, type Place } from '../e2e/buckets-machine.ts';
import { Versions } from './versions.ts';

/** Looks at a bucket again and again: every visible object must have a name of ours and be whole. Each is read once. */
export class BucketCheck {
  /** Of all that was read. */
  readonly versions = new Versions();
  readonly #storage: ObjectStorage;
  readonly #folder: string | undefined;
  readonly #read = new Set<string>();

  private constructor(storage: ObjectStorage, folder: string | undefined) {
    this.#storage = storage;
    this.#folder = folder;
  }

  static async of(place: Place): Promise<BucketCheck> {
    const folder = place.type === 'fs' ? String(place.options.root_path) : undefined;
    return new BucketCheck(await openPlace(place), folder);
  }

  /** Objects that were read so far. */
  get objects(): number {
    return this.#read.size;
  }

  async look(): Promise<void> {
    for (const name of await this.#names()) {
      if (this.#read.has(name)) continue;
      this.#read.add(name);
      expect(() => parseSnapshotName(name)).not.toThrow();
      const { stream } = await this.#storage.load(name).catch(goneIsFine);
      if (!stream) continue;
      const visitor = this.versions.ofObject(name);
      await readSnapshot(() => stream, visitor, { objectName: name }).then(visitor.done, goneIsFine);
    }
  }

  async #names(): Promise<string[]> {
    // Not through the listing of ours, which leaves out what it takes for a temporary file.
    if (this.#folder !== undefined) return readdirSync(this.#folder).filter((name) => !name.startsWith('.'));
    const names: string[] = [];
    for await (const { name } of this.#storage.list('')) names.push(name);
    return names;
  }
}

/** The cleaner removes objects meanwhile. */
function goneIsFine(error: unknown): { stream?: undefined } {
  if (error instanceof StorageError && error.notFound) return {};
  throw error;
}
