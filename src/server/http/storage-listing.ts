import { describeError } from '../../errors/index.ts';
import type { StatusSource } from '../model.ts';

const TIMEOUT_MS = 10_000;

export interface ListingAnswer {
  readonly status: 200 | 500;
  readonly text: string;
}

/** The whole bucket as tab-separated text. Questions at the same time share one listing: it costs money and time. */
export class StorageListing {
  readonly #list: StatusSource['listObjects'];
  #running: Promise<ListingAnswer> | undefined;

  constructor(list: StatusSource['listObjects']) {
    this.#list = list;
  }

  answer(): Promise<ListingAnswer> {
    this.#running ??= this.#read().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  async #read(): Promise<ListingAnswer> {
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    const lines = ['Name\tSize'];
    try {
      for await (const { name, sizeBytes } of this.#list(signal)) lines.push(`${name}\t${sizeBytes}`);
      return { status: 200, text: `${lines.join('\n')}\n` };
    } catch (error) {
      const why = signal.aborted ? `no answer within ${TIMEOUT_MS / 1000} s` : describeError(error);
      return { status: 500, text: `ERROR LISTING STORAGE: ${why}\n` };
    }
  }
}
