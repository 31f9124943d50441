import { type SnapshotName, snapshotNameOf } from '../../snapshot/index.ts';
import {
  FULL_TOKEN_BUCKET,
  type TokenBucketLimits,
  type TokenBucketState,
  takeToken,
  tokenWaitMs,
} from '../../sync/index.ts';

/** What a hint leads to. */
export type HintAnswer =
  | { readonly type: 'list'; readonly database: string }
  /** An object of our own: the list of peers may name ourselves. */
  | { readonly type: 'own' }
  | { readonly type: 'bad' | 'unknownDatabase' | 'tooMany' };

/** One sender, who may have many databases. */
const PER_SENDER: TokenBucketLimits = { burst: 100, intervalMs: 50 };
/** Listings of one database, whoever asks: what somebody who floods us can make us pay for. */
const PER_DATABASE: TokenBucketLimits = { burst: 40, intervalMs: 250 };
/** Whoever can use more addresses than this meets `PER_DATABASE`. */
const MOST_SENDERS = 1000;

export interface HintGateOptions {
  readonly databases: readonly string[];
  /** Ours. */
  readonly instanceId: string;
}

/**
 * Decides which hints are listened to. A hint is nobody's promise: it names an object, and at most the bucket is listed for
 * it, so it needs no trust, only bounds. Pure, but for what it remembers of the rates: `nowMs` is an argument.
 */
export class HintGate {
  readonly #options: HintGateOptions;
  readonly #senders = new Map<string, TokenBucketState>();
  readonly #databases = new Map<string, TokenBucketState>();

  constructor(options: HintGateOptions) {
    this.#options = options;
  }

  /** @param sender the address it came from */
  take(body: unknown, sender: string, nowMs: number): HintAnswer {
    if (!this.#allows(this.#senders, sender, PER_SENDER, nowMs)) return { type: 'tooMany' };
    this.#forgetOldest();
    const name = nameIn(body);
    if (name === undefined) return { type: 'bad' };
    const { databaseName: database, instanceId } = name;
    if (!this.#options.databases.includes(database)) return { type: 'unknownDatabase' };
    if (instanceId === this.#options.instanceId) return { type: 'own' };
    const isAllowed = this.#allows(this.#databases, database, PER_DATABASE, nowMs);
    return isAllowed ? { type: 'list', database } : { type: 'tooMany' };
  }

  #allows(rates: Map<string, TokenBucketState>, key: string, limits: TokenBucketLimits, nowMs: number): boolean {
    const state = rates.get(key) ?? FULL_TOKEN_BUCKET;
    if (tokenWaitMs(state, limits, nowMs) > 0) return false;
    // In the order of their last hint.
    rates.delete(key);
    rates.set(key, takeToken(state, limits, nowMs));
    return true;
  }

  #forgetOldest(): void {
    for (const sender of this.#senders.keys()) {
      if (this.#senders.size <= MOST_SENDERS) return;
      this.#senders.delete(sender);
    }
  }
}

function nameIn(body: unknown): SnapshotName | undefined {
  if (typeof body !== 'object' || body === null || !('object' in body) || typeof body.object !== 'string') {
    return undefined;
  }
  return snapshotNameOf(body.object);
}
