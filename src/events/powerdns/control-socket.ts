import { createConnection } from 'node:net';
import { EventConsumerError } from '../errors.ts';
import type { PdnsCache } from './cache.ts';

export interface ControlSocketOptions {
  /** `pdns.controlsocket` in PowerDNS's `socket-dir`. */
  readonly path: string;
  readonly timeoutMs: number;
}

const HINT = 'is PowerDNS running, and may this user write to its control socket (events.powerdns.control_socket)?';

/** The caches by PowerDNS's control socket: one connection a command, one line each way (tried on 4.7.3). */
export class ControlSocket implements PdnsCache {
  readonly #options: ControlSocketOptions;

  constructor(options: ControlSocketOptions) {
    this.#options = options;
  }

  async flush(name: string, signal: AbortSignal): Promise<void> {
    await this.#counts(`purge ${dotted(name)}$`, signal);
  }

  async flushEverything(signal: AbortSignal): Promise<void> {
    await this.#counts('purge', signal);
  }

  async rediscover(signal: AbortSignal): Promise<void> {
    await this.#ask('rediscover', signal);
  }

  async notify(zone: string, signal: AbortSignal): Promise<void> {
    await this.#ask(`notify ${dotted(zone)}`, signal);
  }

  /** Purging answers with the number of entries that were forgotten. */
  async #counts(command: string, signal: AbortSignal): Promise<void> {
    const answer = await this.#ask(command, signal);
    if (!/^\d+$/.test(answer)) throw this.#error(`answered ${JSON.stringify(answer)} to ${command}`);
  }

  /** @returns the answer, which is never empty: PowerDNS that ends meanwhile has done nothing */
  #ask(command: string, signal: AbortSignal): Promise<string> {
    const { path, timeoutMs } = this.#options;
    return new Promise((resolve, reject) => {
      const socket = createConnection({ path, timeout: timeoutMs });
      // Not by the option `signal`, whose listener stays for as long as the signal does.
      const giveUp = (): void => void socket.destroy(this.#error('given up'));
      signal.addEventListener('abort', giveUp, { once: true });
      if (signal.aborted) giveUp();
      let answer = '';
      socket.setEncoding('utf8');
      socket.on('connect', () => socket.write(`${command}\n`));
      socket.on('data', (text: string) => {
        answer += text;
      });
      socket.on('timeout', () => socket.destroy(this.#error(`no answer to ${command} in ${timeoutMs} ms`)));
      socket.on('error', (error) => {
        reject(error instanceof EventConsumerError ? error : this.#error(error.message, error));
      });
      socket.on('close', () => {
        signal.removeEventListener('abort', giveUp);
        if (answer.trim() === '') reject(this.#error(`closed without an answer to ${command}`));
        else resolve(answer.trim());
      });
    });
  }

  #error(what: string, cause?: unknown): EventConsumerError {
    return new EventConsumerError('powerdns', `${this.#options.path}: ${what}`, HINT, cause);
  }
}

/** The root has no other name. */
function dotted(name: string): string {
  return name === '' ? '.' : name;
}
