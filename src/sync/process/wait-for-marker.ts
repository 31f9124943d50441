import type { Config } from '../../config/index.ts';
import { describeError } from '../../errors/index.ts';
import type { Log } from '../../log/index.ts';
import { StorageError } from '../../storage/index.ts';
import { RepeatedFailure, reportFields } from '../status/index.ts';
import { nowMs, systemClock } from '../time/index.ts';
import { openStorage } from './open-storage.ts';

/** Resolves when the bucket has an object of this name, or when aborted. */
export async function waitForMarker(
  config: Config,
  name: string,
  { log, signal }: { readonly log: Log; readonly signal: AbortSignal },
): Promise<void> {
  const storage = await openStorage(config, systemClock, log, signal);
  if (!storage) return;
  try {
    log.info('Waiting for marker file', { name });
    const looking = new RepeatedFailure();
    while (!signal.aborted) {
      try {
        const { stream } = await storage.load(name, { signal });
        for await (const chunk of stream) void chunk;
        log.info('Marker file found', { name });
        return;
      } catch (error) {
        if (signal.aborted) return;
        if (!(error instanceof StorageError)) throw error;
        const report = error.notFound ? undefined : looking.failed(nowMs(systemClock));
        if (report) {
          log.error('Looking for the marker file failed', { error: describeError(error), ...reportFields(report) });
        }
      }
      await systemClock.sleep(config.storagePollIntervalMs, signal);
    }
  } finally {
    await storage.close();
  }
}
