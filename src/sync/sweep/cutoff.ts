import type { SweeperConfig } from '../../config/index.ts';
import { deletionCutoff } from '../../merge/index.ts';

const NANO_PER_DAY = 86_400e9;
const NANO_PER_MILLI = 1e6;
const MAX_U64 = (1n << 64n) - 1n;

type Retention = Pick<SweeperConfig, 'enabled' | 'retentionDays' | 'retentionLoadCutoffDurationMs'>;

/**
 * `retention_days` in ns. Exact for whole days and every fraction a double holds; the reference computes with 32 bits
 * (370 days are 2 s longer there) and overflows at 106752 days (W18), here that is simply very long.
 */
export function retentionNano({ retentionDays }: Pick<SweeperConfig, 'retentionDays'>): bigint {
  if (!(retentionDays > 0)) throw new RangeError(`a retention of ${retentionDays} days would sweep every deletion`);
  const nano = retentionDays * NANO_PER_DAY;
  return nano < Number(MAX_U64) ? BigInt(Math.round(nano)) : MAX_U64;
}

/** Deletion marks with a time before this are swept; 0 (nothing) where the sweeper is off or the retention reaches back past 1970. */
export function sweepCutoff(nowNano: bigint, config: Retention): bigint {
  return config.enabled ? deletionCutoff(nowNano, retentionNano(config), 0n) : 0n;
}

/**
 * A remote deletion of an unknown key is not added when its time is before this: the next sweep would only remove it
 * again. Later than `sweepCutoff` by `retention_load_cutoff_duration`, at most 75 % of the retention, else 1 % of it: a
 * mark that one machine has just swept is not brought back by the snapshot of another that sweeps later.
 */
export function loadCutoff(nowNano: bigint, config: Retention): bigint {
  if (!config.enabled) return 0n;
  const retention = retentionNano(config);
  return deletionCutoff(nowNano, retention, loadBufferNano(retention, config.retentionLoadCutoffDurationMs));
}

function loadBufferNano(retention: bigint, durationMs: number): bigint {
  if (!(durationMs > 0)) return retention / 100n;
  const duration = BigInt(Math.round(durationMs * NANO_PER_MILLI));
  const most = (retention * 3n) / 4n;
  return duration < most ? duration : most;
}
