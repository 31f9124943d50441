import { type Config, parseConfig } from '../../../src/config/index.ts';
import type { MemberSettings, Scenario } from '../scenario.ts';

const DAY_MS = 86_400_000;

/** The configuration of one instance; times shorter than a file may ask for are set behind its checks. */
export function configOf(scenario: Scenario, settings: MemberSettings, folder: string): Config {
  const { kind, cleaner, retentionMs } = scenario;
  const text = JSON.stringify({
    instance: settings.name,
    lmdbs: {
      main: {
        path: folder,
        options: { create: true, map_size: '64MB' },
        schema_tracks_changes: kind === 'native',
        dupsort_hack: kind === 'dupsort',
        ...(kind === 'native' ? {} : keysOfStore(scenario.store)),
      },
    },
    storage: { type: 'memory' },
  });
  const parsed = parseConfig(text);
  return {
    ...parsed,
    deltas: settings.deltas,
    deltaBurst: scenario.deltaBurst,
    lmdbLockMaxMs: settings.lockMaxMs,
    fullScanIntervalMs: settings.fullScanIntervalMs,
    storagePollIntervalMs: scenario.storagePollMs,
    storageRetryIntervalMs: 1000,
    storageRetryForever: true,
    storageForceSnapshotIntervalMs: scenario.forceFullMs,
    lmdbLogStatsIntervalMs: 0,
    storage: {
      type: 'memory',
      options: {},
      cleanup: {
        enabled: cleaner !== undefined,
        intervalMs: cleaner?.intervalMs ?? 0,
        mustKeepIntervalMs: cleaner?.mustKeepMs ?? 0,
        removeOldInstancesIntervalMs: 7 * DAY_MS,
      },
    },
    sweeper: {
      ...parsed.sweeper,
      enabled: retentionMs !== undefined,
      retentionDays: (retentionMs ?? 370 * DAY_MS) / DAY_MS,
      firstIntervalMs: 10_000,
      intervalMs: 30_000,
    },
  };
}

/** What makes the shadow lie elsewhere. */
function keysOfStore(store: string): Record<string, unknown> {
  if (store === 'sidecar') return { shadow: 'sidecar' };
  if (store !== 'inline') throw new TypeError(`there is no shadow store ${JSON.stringify(store)}`);
  return {};
}
