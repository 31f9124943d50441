import { snapshotNameOf, toInstanceId } from '../../snapshot/index.ts';
import { ChainIndex } from '../chain/index.ts';
import type { LocalDatabase, Memory, MergeBatch, MergeResult } from '../local/index.ts';
import { Receiver } from '../remote/index.ts';
import type { Report, SyncEventBody } from '../status/index.ts';
import { Wake } from '../time/index.ts';
import { receiverOptions } from './make-receiver.ts';
import type { DatabaseOptions } from './ports.ts';

export interface RecoverOptions extends DatabaseOptions {
  readonly local: LocalDatabase;
  /** Of the loop: its listing is looked at. */
  readonly index: ChainIndex;
  readonly report: Report;
}

/** Between two attempts to list the bucket. */
const LISTING_RETRY_MS = 1000;
/** What is not told again when the objects are merged. */
const TOLD: readonly SyncEventBody['type'][] = ['listFailed', 'loadFailed', 'downloading', 'limit', 'turn'];

/**
 * At start, before anything is recorded: finds out whether what is known of the entries is whole and, where it is not, learns it again from
 * the objects of the bucket, our own first (decision 16). Index and receiver are its own, so that everything is merged afterwards as after
 * any other start.
 * @returns false when aborted before it was done
 * @throws SidecarMismatchError; with `only_once`, StorageError
 */
export async function recover(options: RecoverOptions, signal: AbortSignal): Promise<boolean> {
  const { memory } = options.local;
  if (!memory) return true;
  if ((await memory.begin(options.index.ownListed().map(({ name }) => name))) === 'whole') return true;
  return new Recovery(options, memory, signal).run();
}

class Recovery {
  readonly #options: RecoverOptions;
  readonly #memory: Memory;
  readonly #signal: AbortSignal;
  readonly #ownId: string;
  readonly #index: ChainIndex;
  readonly #receiver: Receiver;
  readonly #wake: Wake;
  #isGone = false;
  #fatal: { readonly error: unknown } | undefined;

  constructor(options: RecoverOptions, memory: Memory, signal: AbortSignal) {
    const { config, lmdb, ports, report } = options;
    this.#options = options;
    this.#memory = memory;
    this.#signal = signal;
    this.#ownId = toInstanceId(config.instance);
    this.#wake = new Wake(ports.clock);
    const names = { databaseName: lmdb.name, ownInstanceId: this.#ownId };
    this.#index = new ChainIndex({ ...names, readsDeltas: config.deltas !== 'off' });
    this.#receiver = new Receiver({
      ...receiverOptions(options),
      index: this.#index,
      instanceId: this.#ownId,
      report: (event) => {
        if (TOLD.includes(event.type)) report(event);
        // What was cleaned since the listing is in another object.
        if (event.type === 'gone') this.#isGone = true;
      },
      merge: (batch, onBegin) => this.#adopt(batch, onBegin),
      onMerged: () => {},
      onRefused: () => {},
      onSettled: () => this.#wake.notify(),
      onFatal: (error) => {
        this.#fatal ??= { error };
        this.#wake.notify();
      },
    });
  }

  async run(): Promise<boolean> {
    try {
      if (!(await this.#readAll((id) => id === this.#ownId))) return false;
      const unreadable = this.#index.ownListed().filter(({ isRefused }) => isRefused);
      if (!(await this.#memory.ownAdopted(unreadable.map(({ name }) => name.full)))) return true;
      if (!(await this.#readAll((id) => id !== this.#ownId))) return false;
      await this.#memory.finish();
      return true;
    } finally {
      await this.#receiver.idle();
    }
  }

  #adopt(batch: MergeBatch, onBegin: () => void): Promise<readonly MergeResult[]> {
    onBegin();
    const isOwn = snapshotNameOf(batch.objects[0]!.name)?.instanceId === this.#ownId;
    return this.#memory.adopt(batch, isOwn, this.#signal);
  }

  /** @returns false when aborted */
  async #readAll(isWanted: (instanceId: string) => boolean): Promise<boolean> {
    const { config } = this.#options;
    const signal = this.#signal;
    do {
      this.#isGone = false;
      if (!(await this.#list())) return false;
      while (this.#index.due().some(({ instanceId }) => isWanted(instanceId))) {
        this.#receiver.start(signal, isWanted);
        await this.#wake.wait(config.storagePollIntervalMs, signal);
        if (this.#fatal) throw this.#fatal.error;
        if (signal.aborted) return false;
      }
      await this.#receiver.idle();
    } while (this.#isGone);
    return true;
  }

  async #list(): Promise<boolean> {
    const signal = this.#signal;
    while (!signal.aborted) {
      if (await this.#receiver.list(signal)) return true;
      await this.#options.ports.clock.sleep(LISTING_RETRY_MS, signal);
    }
    return false;
  }
}
