import { Readable } from 'node:stream';
import { exactly } from '../body.ts';
import { StorageError, type StorageOperation } from '../errors.ts';
import type { CallOptions, ObjectDownload } from '../types.ts';
import { BodyFailure } from './body-stream.ts';
import { ConnectionUse } from './connection-use.ts';
import { Deadline } from './deadline.ts';
import { type AnswerHead, ForeignAnswer, foreignFailure } from './foreign-answer.ts';

/** A failure of a library as a `StorageError`; what is none of the storage's business is returned as it is. */
export type ErrorTranslator = (operation: StorageOperation, error: unknown, objectName?: string) => unknown;

/** Given the last answer of a call that failed. @throws ForeignAnswer when something else than the service gave it */
export type AnswerSuspect = (answer: AnswerHead) => void;

export interface CallSubject {
  readonly operation: StorageOperation;
  readonly objectName?: string | undefined;
}

const DEFAULT_CLIENT_TIMEOUT_MS = 15 * 60_000;

/** Runs calls of a provider's library under the time limit of the options and translates what they throw. */
export class CallRunner {
  readonly #timeoutMs: number;
  readonly #translate: ErrorTranslator;
  readonly #suspect: AnswerSuspect;

  constructor(timeoutMs: number | undefined, translate: ErrorTranslator, suspect: AnswerSuspect = () => {}) {
    this.#timeoutMs = timeoutMs ?? DEFAULT_CLIENT_TIMEOUT_MS;
    this.#translate = translate;
    this.#suspect = suspect;
  }

  async run<T>(
    { operation, objectName }: CallSubject,
    { signal }: CallOptions,
    action: (deadline: Deadline) => Promise<T>,
    timeoutMs = this.#timeoutMs,
  ): Promise<T> {
    const deadline = new Deadline(timeoutMs, signal);
    try {
      return await oncePerConnection(deadline, action, this.#suspect);
    } catch (error) {
      throw this.#reason(deadline, signal, error, operation, objectName);
    } finally {
      deadline.dispose();
    }
  }

  /** The time limit covers the whole download: the deadline lives until the stream is at its end, or left. */
  async download(
    objectName: string,
    { signal }: CallOptions,
    action: (
      deadline: Deadline,
    ) => Promise<{ readonly sizeBytes: number | undefined; readonly chunks: AsyncIterable<Uint8Array> }>,
  ): Promise<ObjectDownload> {
    const deadline = new Deadline(this.#timeoutMs, signal);
    try {
      const { sizeBytes, chunks } = await oncePerConnection(deadline, action, this.#suspect);
      // Without a listener a break before somebody reads would end the process; the reader gets the error all the same.
      if (chunks instanceof Readable) chunks.on('error', () => {});
      if (sizeBytes === undefined) throw lengthMissing(objectName);
      return { sizeBytes, stream: this.#stream(objectName, signal, deadline, sizeBytes, chunks) };
    } catch (error) {
      deadline.dispose();
      throw this.#reason(deadline, signal, error, 'load', objectName);
    }
  }

  async *#stream(
    objectName: string,
    signal: AbortSignal | undefined,
    deadline: Deadline,
    sizeBytes: number,
    chunks: AsyncIterable<Uint8Array>,
  ): AsyncIterable<Uint8Array> {
    try {
      yield* exactly(chunks, sizeBytes, { operation: 'load', objectName });
    } catch (error) {
      throw this.#reason(deadline, signal, error, 'load', objectName);
    } finally {
      deadline.dispose();
    }
  }

  #reason(
    deadline: Deadline,
    signal: AbortSignal | undefined,
    error: unknown,
    operation: StorageOperation,
    objectName: string | undefined,
  ): unknown {
    const reason = error instanceof ForeignAnswer ? error : deadline.reasonOr(error);
    if (reason instanceof BodyFailure) return reason.cause;
    if (reason instanceof ForeignAnswer) return foreignFailure(operation, reason, objectName);
    return signal?.aborted && reason === signal.reason ? reason : this.#translate(operation, reason, objectName);
  }
}

/**
 * The service may close a connection that was idle at the very moment when it is used again: no answer comes, and nothing is
 * wrong. Every call can be made again (I7: what is stored is whole or not at all), so that one is, and once.
 */
async function oncePerConnection<T>(
  deadline: Deadline,
  action: (deadline: Deadline) => Promise<T>,
  suspect: AnswerSuspect,
  isSecond = false,
): Promise<T> {
  const connection = new ConnectionUse();
  try {
    return await connection.watch(() => action(deadline));
  } catch (error) {
    // A part that failed ends its call by the deadline, with this same error.
    if (deadline.signal.aborted && deadline.signal.reason !== error) throw error;
    if (connection.wasStale && !isSecond && !deadline.signal.aborted)
      return oncePerConnection(deadline, action, suspect, true);
    if (connection.answer !== undefined) suspect(connection.answer);
    throw error;
  }
}

/** Without a length an answer that was cut at the end of a gzip member looks like a whole object (I7). */
function lengthMissing(objectName: string): StorageError {
  return new StorageError(`load of ${JSON.stringify(objectName)}: the answer has no length`, {
    operation: 'load',
    objectName,
    retryable: true,
    errorLabel: 'NoContentLength',
    hint: 'a proxy on the way takes the Content-Length away: let it pass answers as they are',
  });
}
