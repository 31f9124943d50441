import { describeError } from '../../errors/index.ts';
import type { Log } from '../../log/index.ts';
import { parseSnapshotName } from '../../snapshot/index.ts';
import { RepeatedFailure, reportFields, type SyncEvent } from '../status/index.ts';
import { type Clock, nowMs } from '../time/index.ts';

/** A peer that needs longer will have polled by then. */
const TIMEOUT_MS = 2000;
/** At a stop the last hints get so long: they are worth less than a prompt end. */
const LAST_HINTS_MS = 500;
/** The peer is there and has understood; it has no such database, or has heard enough. */
const ANSWERS_OF_A_PEER = [422, 429];

/** Sends one hint. @throws when nobody took it */
export type SendHint = (url: URL, objectName: string, signal: AbortSignal) => Promise<void>;

/**
 * Tells other instances of every object that we store, so that they list at once instead of at their next poll. Nothing waits
 * for it: each peer has at most one request under way, and of each database the newest name that waits for it. A hint that is
 * lost is not sent again; it costs that peer the rest of a poll interval.
 */
export class HintSender {
  readonly #peers: readonly Peer[];
  readonly #clock: Clock;

  /** @param peers where others serve HTTP, a path of a proxy included */
  constructor(peers: readonly string[], clock: Clock, log: Log, send: SendHint = sendHint) {
    const ended = new AbortController();
    this.#clock = clock;
    this.#peers = peers.map((peer) => new Peer(hintUrl(peer), { clock, log, send, ended }));
  }

  onEvent(event: SyncEvent): void {
    if (event.type !== 'stored') return;
    const { name } = event.object;
    // A compacted delta says nothing new to whoever has what it replaces.
    if (parseSnapshotName(name).level > 0) return;
    for (const peer of this.#peers) peer.tell(event.db, name);
  }

  /** Gives hints that are under way a moment, then ends them. */
  async end(): Promise<void> {
    const enough = new AbortController();
    const idle = Promise.all(this.#peers.map((peer) => peer.idle)).then(() => enough.abort());
    await this.#clock.sleep(LAST_HINTS_MS, enough.signal);
    for (const peer of this.#peers) peer.end();
    await idle;
  }
}

interface PeerOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly send: SendHint;
  readonly ended: AbortController;
}

class Peer {
  idle: Promise<void> = Promise.resolve();
  readonly #url: URL;
  readonly #options: PeerOptions;
  readonly #waiting = new Map<string, string>();
  readonly #failure = new RepeatedFailure();
  #isSending = false;

  constructor(url: URL, options: PeerOptions) {
    this.#url = url;
    this.#options = options;
  }

  tell(database: string, objectName: string): void {
    const { signal } = this.#options.ended;
    if (signal.aborted) return;
    this.#waiting.set(database, objectName);
    if (this.#isSending) return;
    this.#isSending = true;
    this.idle = this.#sendAll(signal);
  }

  end(): void {
    this.#waiting.clear();
    this.#options.ended.abort();
  }

  async #sendAll(ended: AbortSignal): Promise<void> {
    for (let next = this.#take(); next !== undefined; next = this.#take()) {
      try {
        await this.#options.send(this.#url, next, AbortSignal.any([ended, AbortSignal.timeout(TIMEOUT_MS)]));
        this.#worked();
      } catch (error) {
        if (!ended.aborted) this.#failed(error);
      }
    }
    this.#isSending = false;
  }

  #take(): string | undefined {
    for (const [database, objectName] of this.#waiting) {
      this.#waiting.delete(database);
      return objectName;
    }
    return undefined;
  }

  #worked(): void {
    const over = this.#failure.worked();
    if (over) this.#options.log.info('A peer takes hints again', { peer: this.#url.host, ...reportFields(over) });
  }

  #failed(error: unknown): void {
    const { clock, log } = this.#options;
    const report = this.#failure.failed(nowMs(clock));
    if (!report) return;
    const fields = { peer: this.#url.host, error: reasonOf(error), ...reportFields(report) };
    log.warn('A peer does not take hints; it finds new objects when it polls', fields);
  }
}

function hintUrl(peer: string): URL {
  return new URL('api/hint', peer.endsWith('/') ? peer : `${peer}/`);
}

const sendHint: SendHint = async (url, objectName, signal) => {
  const answer = await fetch(url, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ object: objectName }),
    // Hints go where the operator said, nowhere else.
    redirect: 'error',
    signal,
  });
  // What else it says is of no interest, however long it is.
  await answer.body?.cancel();
  if (!answer.ok && !ANSWERS_OF_A_PEER.includes(answer.status)) throw new Error(`it answers ${answer.status}`);
};

/** `fetch` says "fetch failed", and why in the cause. */
function reasonOf(error: unknown): string {
  if (error instanceof DOMException && error.name === 'TimeoutError') return `no answer within ${TIMEOUT_MS / 1000} s`;
  return describeError(error instanceof TypeError && error.cause !== undefined ? error.cause : error);
}
