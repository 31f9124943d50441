import { readFile } from 'node:fs/promises';
import type { Log } from '../../log/index.ts';
import { StorageError } from '../errors.ts';

const DEFAULT_REFRESH_MS = 15_000;

/**
 * A secret in a file that somebody else renews. The newline that editors and `echo` leave at its end is not part of
 * it (better: the reference sends it along, and is denied).
 */
export class KeyFile {
  readonly #path: string;
  readonly #refreshMs: number;
  readonly #now: () => number;
  readonly #log: Log;
  #known: { readonly value: string; readonly readMs: number } | undefined;

  constructor(path: string, refreshMs: number | undefined, { now, log }: { now: () => number; log: Log }) {
    this.#path = path;
    this.#refreshMs = refreshMs ?? DEFAULT_REFRESH_MS;
    this.#now = now;
    this.#log = log;
  }

  /** @throws StorageError (denied, retryable) when the file was never readable. */
  async value(): Promise<string> {
    const now = this.#now();
    if (this.#known !== undefined && Math.abs(now - this.#known.readMs) < this.#refreshMs) return this.#known.value;
    try {
      const value = (await readFile(this.#path, 'utf8')).trim();
      if (value === '') throw new Error('the file is empty');
      this.#known = { value, readMs: now };
      return value;
    } catch (cause) {
      // Half of a rotation looks like this: the key we have is good until the provider says otherwise.
      if (this.#known !== undefined) {
        this.#log.warn('key file cannot be read, the key known so far is used', {
          file: this.#path,
          error: String(cause),
        });
        this.#known = { ...this.#known, readMs: now };
        return this.#known.value;
      }
      throw new StorageError(`key file ${this.#path}: ${(cause as Error).message}`, {
        operation: 'init',
        denied: true,
        retryable: true,
        errorLabel: 'KeyFile',
        hint: 'the file must hold nothing but the key and be readable by this user',
        cause,
      });
    }
  }
}
