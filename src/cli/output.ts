import type { Writable } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import { OutputClosed, OutputError } from './errors.ts';

/** Characters gathered before the stream is bothered. */
const PIECE_CHARS = 64 * 1024;

/**
 * Standard output: gathers small writes, holds back who writes faster than the reader reads, and tells a reader that
 * went away (EPIPE) from a real failure.
 */
export class Output {
  readonly #stream: Writable;
  #piece = '';
  #isFull = false;
  #failure: Error | undefined;
  #lastWrite: Promise<void> = Promise.resolve();

  constructor(stream: Writable) {
    this.#stream = stream;
    // For good: the stream tells of a failed write once more after its callback, perhaps when the command is over.
    stream.on('error', this.#fail);
  }

  /** @throws OutputClosed, OutputError when an earlier write failed */
  write(text: string): void {
    this.#check();
    this.#piece += text;
    if (this.#piece.length >= PIECE_CHARS) this.#push();
  }

  /** A piece has been handed to the stream since the last `drained()`: time to await it. */
  get isFull(): boolean {
    return this.#isFull;
  }

  /**
   * Resolves when the stream has written what it was given, and the event loop has gone round: files take everything at
   * once, and a long dump into one would otherwise keep `--timeout` from its turn. @throws OutputClosed, OutputError
   */
  async drained(): Promise<void> {
    if (this.#isFull) {
      this.#isFull = false;
      await this.#lastWrite;
      await setImmediate();
    }
    this.#check();
  }

  /** Resolves when everything has been handed to the system. @throws OutputClosed, OutputError */
  async flush(): Promise<void> {
    if (this.#piece !== '') this.#push();
    await this.#lastWrite;
    this.#check();
  }

  #push(): void {
    const piece = this.#piece;
    this.#piece = '';
    this.#isFull = true;
    this.#lastWrite = new Promise((resolve) => {
      this.#stream.write(piece, (error) => {
        if (error) this.#fail(error);
        resolve();
      });
    });
  }

  readonly #fail = (error: Error): void => {
    this.#failure ??= error;
  };

  #check(): void {
    if (this.#failure === undefined) return;
    const { code } = this.#failure as NodeJS.ErrnoException;
    throw code === 'EPIPE' || code === 'ERR_STREAM_DESTROYED' ? new OutputClosed() : new OutputError(this.#failure);
  }
}
