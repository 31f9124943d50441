import type { SyncEvent } from '../../sync/index.ts';
import type { Send } from './notify-socket.ts';

export interface NotifierOptions {
  readonly send: Send;
  /** Databases that are to be kept in step. */
  readonly databases: readonly string[];
  /** Sent this often: from the main thread, so that its silence means that it is stuck. Undefined: no watchdog. */
  readonly watchdogMs: number | undefined;
}

const STARTED: ReadonlySet<string> = new Set(['joining', 'running']);

/**
 * Tells the service manager how far the start has come: ready when every LMDB is open and the bucket was listed. A message
 * that could not be sent goes with the next one.
 */
export class ServiceNotifier {
  readonly #send: Send;
  readonly #waiting: Set<string>;
  readonly #total: number;
  readonly #timer: NodeJS.Timeout | undefined;
  #unsent = '';
  #isStopping = false;

  constructor({ send, databases, watchdogMs }: NotifierOptions) {
    this.#send = send;
    this.#waiting = new Set(databases);
    this.#total = this.#waiting.size;
    this.#tell(`STATUS=${this.#status()}`);
    if (watchdogMs !== undefined) {
      this.#timer = setInterval(() => this.#tell('WATCHDOG=1'), watchdogMs);
      this.#timer.unref();
    }
  }

  onEvent(event: SyncEvent): void {
    // One that waits for its application is as ready as it can be: the application may be started after us.
    const isReady = event.type === 'waitingForFile' || (event.type === 'phase' && STARTED.has(event.phase));
    if (this.#isStopping || !isReady) return;
    if (!this.#waiting.delete(event.db)) return;
    this.#tell(`${this.#waiting.size === 0 ? 'READY=1\n' : ''}STATUS=${this.#status()}`);
  }

  /** The watchdog goes on: a stop that hangs is ended as well. */
  stopping(): void {
    if (this.#isStopping) return;
    this.#isStopping = true;
    this.#tell('STOPPING=1\nSTATUS=Finishing the current transaction and upload');
  }

  dispose(): void {
    this.stopping();
    clearInterval(this.#timer);
  }

  #status(): string {
    const left = this.#waiting.size;
    const databases = this.#total === 1 ? '1 database' : `${this.#total} databases`;
    if (left === 0) return `Keeping ${databases} in step`;
    return `Opening LMDB and listing the bucket: ${this.#total - left} of ${databases}`;
  }

  #tell(message: string): void {
    this.#unsent += `${message}\n`;
    if (this.#send(this.#unsent)) this.#unsent = '';
    // A service manager that does not listen for long must cost no memory; the watchdog's lines are worth nothing later.
    else this.#unsent = this.#unsent.replaceAll('WATCHDOG=1\n', '');
  }
}

/**
 * How often to tell the watchdog: half of `$WATCHDOG_USEC`, as sd_watchdog_enabled(3) recommends.
 * @returns ms; undefined when there is none, or it waits for another process (`$WATCHDOG_PID`)
 */
export function watchdogIntervalMs(env: Readonly<Record<string, string | undefined>>, pid: number): number | undefined {
  const usec = Number(env.WATCHDOG_USEC);
  if (!Number.isFinite(usec) || usec <= 0) return undefined;
  if (env.WATCHDOG_PID !== undefined && env.WATCHDOG_PID !== String(pid)) return undefined;
  return Math.max(1, Math.floor(usec / 2000));
}
