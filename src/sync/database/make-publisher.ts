import { RetryPolicy } from '../../storage/index.ts';
import type { ChainIndex } from '../chain/index.ts';
import { Publisher, type PublisherOptions } from '../publish/index.ts';
import type { DatabaseOptions } from './ports.ts';

type Given = 'instanceId' | 'local' | 'shown' | 'report' | 'onStore' | 'onStored' | 'onMoved';

const NANO_PER_MS = 1_000_000n;

/** The publisher of a database, as its configuration and its ports say. */
export function makePublisher(
  { config, lmdb, ports }: DatabaseOptions,
  index: ChainIndex,
  given: Pick<PublisherOptions, Given>,
): Publisher {
  const { storage, clock, random, codec, spool, hostname } = ports;
  const { storageRetryCount, storageRetryIntervalMs, storageRetryForever } = config;
  const retry = { attempts: storageRetryCount, intervalMs: storageRetryIntervalMs, forever: storageRetryForever };
  const { deltaBurst, deltaIntervalMs, lmdbPollIntervalMs } = config;
  const oldNano = BigInt(Math.trunc(config.storage.cleanup.removeOldInstancesIntervalMs)) * NANO_PER_MS;
  return new Publisher({
    ...given,
    databaseName: lmdb.name,
    mode: config.deltas,
    forceIntervalMs: config.storageForceSnapshotIntervalMs,
    limits: {
      delta: { burst: deltaBurst, intervalMs: deltaIntervalMs },
      full: { burst: 1, intervalMs: lmdbPollIntervalMs },
    },
    storage,
    clock,
    make: { spool, hostname, encode: codec.encode },
    policy: new RetryPolicy(retry, random),
    view: {
      ownChain: () => index.ownChain(),
      hasLegacyWriter: () => index.legacyWriters(clock.nowNano() - oldNano).length > 0,
    },
  });
}
