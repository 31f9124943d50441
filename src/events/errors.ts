import { LmdbstreamError } from '../errors/index.ts';

/** A consumer could not be told; it is tried again. */
export class EventConsumerError extends LmdbstreamError {
  constructor(consumer: string, message: string, hint: string, cause?: unknown) {
    super('EVENT_CONSUMER', `${consumer}: ${message}`, { hint, cause });
  }
}
