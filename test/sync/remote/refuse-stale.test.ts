import { expect, it } from 'vitest';
import { parseConfig } from '../../../src/config/index.ts';
import { silentLog } from '../../../src/log/index.ts';
import type { LocalDatabase } from '../../../src/sync/local/index.ts';
import { refuseStale } from '../../../src/sync/remote/refuse-stale.ts';
import { StaleInstanceError } from '../../../src/sync/remote/stale/index.ts';

const DAY_NANO = 86_400_000_000_000n;
const NOW_NANO = 20_000n * DAY_NANO;

/** An instance with data, with others in the bucket and nothing of its own there. */
function check(newestNano: bigint): Promise<void> {
  const config = parseConfig(
    JSON.stringify({
      instance: 'a',
      lmdbs: { main: { path: '/nowhere' } },
      storage: { type: 'memory' },
      sweeper: { enabled: true, retention_days: 10 },
    }),
  );
  const index = { ownListed: () => [], instances: () => ['b'] } as never;
  const local = { newestNano: async () => newestNano } as LocalDatabase;
  const known = { databaseName: 'main', instanceId: 'a', log: silentLog };
  return refuseStale({ config, ...known, index, local, hasLocalData: true, nowNano: NOW_NANO });
}

it('an instance whose newest entry is older than deletions are remembered may not join', async () => {
  await expect(check(NOW_NANO - 11n * DAY_NANO)).rejects.toThrow(StaleInstanceError);
});

it('1 ns is no time: an instance that was stopped before it published anything starts again', async () => {
  await expect(check(1n)).resolves.toBeUndefined();
});
