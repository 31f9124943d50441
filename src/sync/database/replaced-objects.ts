import { describeError } from '../../errors/index.ts';
import { digestOf, StorageError } from '../../storage/index.ts';
import { type ChainIndex, decideReplaced, type ListedObject, type ReplacedSince, Unread } from '../chain/index.ts';
import type { Report } from '../status/index.ts';
import type { DatabaseOptions } from './ports.ts';

/** After a reading that failed. */
const READ_PAUSE_MS = 30_000;

/** Removes deltas of ours that are needless, and reads back what they are removed for, once (I10). */
export class ReplacedObjects {
  readonly #options: DatabaseOptions;
  readonly #index: ChainIndex;
  readonly #report: Report;
  readonly #unread = new Unread();
  /** In the bucket, and not what was sent. */
  readonly #wrong = new Map<string, ListedObject>();
  #since: ReplacedSince = new Map();
  #readNotBeforeMs = 0;
  #isUnderWay = false;

  constructor(options: DatabaseOptions, index: ChainIndex, report: Report) {
    this.#options = options;
    this.#index = index;
    this.#report = report;
  }

  /** To be called before an object is sent: the bucket may take it and say no. @param digest of what no peer needs to fetch */
  sent(full: string, digest: string | undefined): void {
    if (digest !== undefined) this.#unread.sent(full, digest);
  }

  /** Whether an object proves that what it holds is in the bucket. */
  isProven(full: string): boolean {
    return this.#index.isProven(full) && !this.#unread.has(full);
  }

  /** To be called after a listing. A bucket that refuses it has a cleaner, or keeps them. */
  async remove(signal: AbortSignal): Promise<void> {
    const { mode, config, log } = this.#options;
    if (mode === 'receive' || config.deltas === 'off' || this.#isUnderWay) return;
    this.#isUnderWay = true;
    try {
      await this.#remove(signal);
    } catch (error) {
      if (!(error instanceof StorageError) && !signal.aborted) throw error;
      if (!signal.aborted) log.debug('A delta that is replaced cannot be removed', { error: describeError(error) });
    } finally {
      this.#isUnderWay = false;
    }
  }

  async #remove(signal: AbortSignal): Promise<void> {
    const { clock, storage } = this.#options.ports;
    const own = this.#index.usableOwn();
    this.#unread.noteListing(own.map(({ name }) => name.full));
    const isRead = (full: string): boolean => this.isProven(full);
    const { deletions, toRead, since } = decideReplaced(own, this.#since, clock.monotonicMs(), { isRead });
    this.#since = since;
    for (const name of deletions) {
      await storage.delete(name, { signal });
      this.#unread.settled(name);
    }
    for (const object of this.#wrong.values()) await this.#withdraw(object, signal);
    if (clock.monotonicMs() < this.#readNotBeforeMs) return;
    for (const object of toRead) {
      // Of one from an earlier life nobody knows what was sent.
      if (this.#unread.has(object.name.full)) await this.#readBack(object, signal);
    }
  }

  /** What is right counts from the next listing on. */
  async #readBack(object: ListedObject, signal: AbortSignal): Promise<void> {
    const { clock } = this.#options.ports;
    const { full } = object.name;
    this.#readNotBeforeMs = clock.monotonicMs() + READ_PAUSE_MS;
    const sent = this.#unread.digestOf(full);
    const found = await this.#digestOf(full, signal);
    // Bytes that were damaged on the way are not the object's fault.
    if (found !== sent && (await this.#digestOf(full, signal)) !== found) return;
    this.#readNotBeforeMs = 0;
    this.#unread.settled(full);
    if (found === sent) return;
    this.#report({ type: 'storedWrong', name: full });
    this.#index.markRefused(object);
    this.#wrong.set(full, object);
    await this.#withdraw(object, signal);
  }

  async #digestOf(full: string, signal: AbortSignal): Promise<string> {
    const { stream } = await this.#options.ports.storage.load(full, { signal });
    return digestOf(stream);
  }

  /** A joiner would fetch it, refuse it, and take what it was made of. */
  async #withdraw(object: ListedObject, signal: AbortSignal): Promise<void> {
    const { full } = object.name;
    await this.#options.ports.storage.delete(full, { signal });
    this.#wrong.delete(full);
    this.#index.markGone(object);
  }
}
