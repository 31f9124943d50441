import type { Config } from '../../config/index.ts';
import { describeError } from '../../errors/index.ts';
import type { Log } from '../../log/index.ts';
import { createStorage, type ObjectStorage, StorageError, type StorageObserver } from '../../storage/index.ts';
import { RepeatedFailure, reportFields } from '../status/index.ts';
import { type Clock, nowMs } from '../time/index.ts';

export interface OpeningOptions {
  readonly observer?: StorageObserver | undefined;
  /** Told of every failure after which it is tried again. `failures`: in a row. */
  readonly onFailed?: (error: StorageError, failures: number) => void;
}

/**
 * Opens the bucket; while it cannot be reached, tries again: a machine that starts during an outage joins when it is over.
 * What only the operator can mend (options, rights, a bucket that does not exist) is thrown at once, and with only_once
 * everything is.
 * @returns undefined when aborted before it was open
 */
export async function openStorage(
  config: Config,
  clock: Clock,
  log: Log,
  signal: AbortSignal,
  { observer, onFailed }: OpeningOptions = {},
): Promise<ObjectStorage | undefined> {
  const opening = new RepeatedFailure();
  while (!signal.aborted) {
    try {
      return await createStorage(config.storage, { log, signal, observer });
    } catch (error) {
      if (signal.aborted) return undefined;
      if (config.onlyOnce || !(error instanceof StorageError && error.retryable)) throw error;
      const report = opening.failed(nowMs(clock));
      onFailed?.(error, opening.failures);
      if (report) {
        const fields = { error: describeError(error), ...reportFields(report) };
        log.error('The storage cannot be opened; trying again', fields);
      }
      await clock.sleep(config.storageRetryIntervalMs, signal);
    }
  }
  return undefined;
}
