import { randomBytes } from 'node:crypto';
import { freePorts } from '../test/support/servers/processes.ts';
import { startSeaweedfs } from '../test/support/servers/seaweedfs.ts';
import { anHour, HOUR_MS, type HourOutcome } from '../test/sync/chain/hour.ts';
import type { Bare } from './bare.ts';
import type { DeltaFigures } from './delta-figures.ts';
import { measurePassing, type Passing, type Way } from './deltas.ts';
import type { Workplace } from './workplace.ts';

const BURST = 10_000;
const HOURLY = 100_000;
/** Key and value of one record. */
const RECORD_BYTES = 32 + 45;

export async function measureDeltas(
  bare: Bare,
  place: Workplace,
  small: number,
  large: number,
  fullBytes: number,
): Promise<DeltaFigures> {
  const few = await measurePassing(bare, place, small, 'folder');
  const many = await measurePassing(bare, place, large, 'folder', BURST);
  return {
    small: few.passing,
    large: many.passing,
    burst: many.burst!,
    ...(await overSeaweedfs(bare, place, large)),
    hour: { ...hourOfChanges(large, fullBytes), changes: HOURLY, changedBytes: HOURLY * RECORD_BYTES, fullBytes },
  };
}

async function overSeaweedfs(
  bare: Bare,
  place: Workplace,
  count: number,
): Promise<{ polled: Passing; hinted: Passing } | { notMeasured: string }> {
  const server = await startSeaweedfs().catch((error: Error) => error.message.split('\n')[0]!);
  if (typeof server === 'string') return { notMeasured: server };
  const wayOf = (settings?: Way['settings']): Way => ({
    bucket: {
      type: 's3',
      options: {
        endpoint_url: server.endpointUrl,
        access_key: server.admin.accessKey,
        secret_key: server.admin.secretKey,
        bucket: `bench-${randomBytes(4).toString('hex')}`,
        create_bucket: true,
      },
    },
    ...(settings ? { settings } : {}),
  });
  try {
    const polled = await measurePassing(bare, place, count, wayOf());
    const [port] = await freePorts(1);
    const address = `127.0.0.1:${port}`;
    const settings = { a: { peers: [`http://${address}`] }, b: { http: { address } } };
    const hinted = await measurePassing(bare, place, count, wayOf(settings));
    return { polled: polled.passing, hinted: hinted.passing };
  } finally {
    await server.stop();
  }
}

/** Evenly over an hour of virtual time, each another key. */
function hourOfChanges(records: number, fullBytes: number): HourOutcome {
  const changesMs = Array.from({ length: HOURLY }, (_, change) => (change * HOUR_MS) / HOURLY);
  return anHour(changesMs, (change) => change % records, { recordBytes: RECORD_BYTES, fullBytes });
}
