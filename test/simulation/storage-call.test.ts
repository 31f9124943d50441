import { describe, expect, it } from 'vitest';
import type { Config, StorageConfig } from '../../src/config/index.ts';
import {
  type CallOptions,
  MemoryStorage,
  type ObjectBody,
  type ObjectDownload,
  type ObjectInfo,
  StorageError,
} from '../../src/storage/index.ts';
import { Instance } from '../support/fleet/instance.ts';

type Operation = 'list' | 'load' | 'store' | 'delete';

interface Fault {
  /** Which calls count; `any` counts all of them. */
  readonly operation: Operation | 'any';
  /** 1 is the first of them, of all instances together. */
  readonly nth: number;
  /** The bucket was not reached; it did as told but the answer was lost; a download or a listing ended half way with an error. */
  readonly how: 'not reached' | 'answer lost' | 'cut';
}

/** A bucket whose N-th call fails, once. */
class FailingBucket extends MemoryStorage {
  /** What failed, once it has. */
  failed: string | undefined;
  readonly #fault: Fault;
  #count = 0;

  constructor(fault: Fault) {
    super();
    this.#fault = fault;
  }

  override async *list(prefix: string, options?: CallOptions): AsyncIterable<ObjectInfo> {
    if (!this.#isNext('list', prefix)) return yield* super.list(prefix, options);
    if (this.#fault.how === 'not reached') throw planned('list');
    for await (const info of super.list(prefix, options)) {
      yield info;
      break;
    }
    throw planned('list');
  }

  override async load(name: string, options?: CallOptions): Promise<ObjectDownload> {
    const fails = this.#isNext('load', name);
    if (fails && this.#fault.how === 'not reached') throw planned('load');
    const download = await super.load(name, options);
    return fails ? { ...download, stream: cutInHalf(download.stream) } : download;
  }

  override async store(name: string, body: ObjectBody | Uint8Array, options?: CallOptions): Promise<void> {
    const fails = this.#isNext('store', name);
    if (fails && this.#fault.how === 'not reached') throw planned('store');
    await super.store(name, body, options);
    if (fails) throw planned('store');
  }

  override async delete(name: string, options?: CallOptions): Promise<void> {
    const fails = this.#isNext('delete', name);
    if (fails && this.#fault.how === 'not reached') throw planned('delete');
    await super.delete(name, options);
    if (fails) throw planned('delete');
  }

  #isNext(operation: Operation, name: string): boolean {
    const { operation: counted, nth } = this.#fault;
    if (counted !== 'any' && counted !== operation) return false;
    if (++this.#count !== nth) return false;
    this.failed = `${operation} ${name}`;
    return true;
  }
}

function planned(operation: Operation): StorageError {
  return new StorageError('planned by the test', { operation, retryable: true });
}

async function* cutInHalf(stream: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  for await (const chunk of stream) {
    yield chunk.subarray(0, chunk.length >> 1);
    throw planned('load');
  }
}

/** A cleaner that keeps nothing that is covered. */
const storage: StorageConfig = {
  type: 'memory',
  options: {},
  cleanup: { enabled: true, intervalMs: 20, mustKeepIntervalMs: 0, removeOldInstancesIntervalMs: 7 * 86_400_000 },
};
/** Full snapshots one after the other where deletions are to fail: only what a newer one covers is deleted. */
const configFor = ({ operation }: Fault): Partial<Config> =>
  operation === 'delete' ? { storage, storageForceSnapshotIntervalMs: 50 } : { storage };

/** The same story for every fault: each step waits for the one before, so that there is one right end. */
async function live(fault: Fault): Promise<void> {
  const bucket = new FailingBucket(fault);
  const config = configFor(fault);
  const a = new Instance({ name: 'a', bucket, config });
  const b = new Instance({ name: 'b', bucket, config });
  a.put('of a', '1');
  a.put('shared', 'by a');
  a.put('goes', 'soon');
  b.put('of b', '1');
  a.start();
  b.start();
  await b.until('has what a wrote', () => b.texts()['of a'] === '1' && b.texts().goes === 'soon');
  await a.until('has what b wrote', () => a.texts()['of b'] === '1');
  b.put('shared', 'by b');
  b.application.del('d', 'goes');
  await a.until('has the change and the deletion', () => a.texts().shared === 'by b' && a.texts().goes === undefined);
  await a.stop();
  a.put('offline', '1');
  a.start();
  await b.until('has the offline change', () => b.texts().offline === '1');
  const end = { 'of a': '1', 'of b': '1', shared: 'by b', offline: '1' };
  await a.until('met the fault', () => bucket.failed !== undefined);
  // What the bucket holds is complete: whoever joins with nothing has it all.
  const joiner = new Instance({ name: 'joiner', bucket, config }).start();
  await joiner.until('has everything', () => Object.keys(joiner.texts()).length >= Object.keys(end).length);
  for (const instance of [a, b, joiner]) {
    await instance.until('is as it should be', () => same(instance.texts(), end));
    expect(instance.status.phase).toBe('running');
  }
  for (const instance of [a, b, joiner]) {
    await instance.stop();
    expect(instance.texts()).toEqual(end);
    expect(instance.status.refusedObjects).toBe(0);
  }
}

function same(texts: Record<string, string>, end: Record<string, string>): boolean {
  const keys = Object.keys(texts);
  return keys.length === Object.keys(end).length && keys.every((key) => texts[key] === end[key]);
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1);

describe('one storage call fails, whichever: nothing is lost, nothing comes back, all end the same', () => {
  it.each(upTo(24))('the %i. call does not reach the bucket', (nth) =>
    live({ operation: 'any', nth, how: 'not reached' }),
  );

  const counts: Record<Operation, number> = { list: 4, load: 3, store: 3, delete: 2 };
  const each = (Object.keys(counts) as Operation[]).flatMap((operation) =>
    upTo(counts[operation]).map((nth) => [operation, nth] as const),
  );
  it.each(each)('the bucket does its part of %s %i, but it ends in an error', (operation, nth) =>
    live({ operation, nth, how: operation === 'list' || operation === 'load' ? 'cut' : 'answer lost' }),
  );
  it.each(each.filter(([operation]) => operation !== 'list'))('%s %i does not reach the bucket', (operation, nth) =>
    live({ operation, nth, how: 'not reached' }),
  );
});
