import type { SweeperConfig } from '../../config/index.ts';
import { describeError } from '../../errors/index.ts';
import type { Log } from '../../log/index.ts';
import type { Clock } from '../time/index.ts';

export interface SweepOftenOptions {
  readonly config: SweeperConfig;
  readonly sweep: (signal: AbortSignal) => Promise<unknown>;
  readonly sleep: Clock['sleep'];
  readonly log: Log;
}

/** Sweeps after `first_interval` and then every `interval`, until aborted; resolves then. A failed sweep is logged. */
export async function sweepOften(options: SweepOftenOptions, signal: AbortSignal): Promise<void> {
  const { config, sweep, sleep, log } = options;
  await sleep(config.firstIntervalMs, signal);
  while (!signal.aborted) {
    try {
      await sweep(signal);
    } catch (error) {
      if (signal.aborted) return;
      log.warn('sweeping old deletions failed, the next sweep tries again', { error: describeError(error) });
    }
    await sleep(config.intervalMs, signal);
  }
}
