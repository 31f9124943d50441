import { RetryPolicy } from '../../storage/index.ts';
import { Publisher, type PublisherOptions } from '../publish/index.ts';
import type { DatabaseOptions } from './ports.ts';

type Given = 'instanceId' | 'local' | 'report' | 'onStore' | 'onStored' | 'onMoved';

/** The publisher of a database, as its configuration and its ports say. */
export function makePublisher(
  { config, lmdb, ports }: DatabaseOptions,
  { lastNano, ...given }: Pick<PublisherOptions, Given> & { readonly lastNano: bigint },
): Publisher {
  const { storage, clock, random, codec, spool, hostname } = ports;
  const { storageRetryCount, storageRetryIntervalMs, storageRetryForever } = config;
  const retry = { attempts: storageRetryCount, intervalMs: storageRetryIntervalMs, forever: storageRetryForever };
  const policy = new RetryPolicy(retry, random);
  const port = { storage, clock, spool, hostname, encode: codec.encode };
  return new Publisher({ ...given, ...port, policy, databaseName: lmdb.name }, lastNano);
}
