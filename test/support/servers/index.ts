import { randomBytes } from 'node:crypto';
import { afterAll, inject } from 'vitest';
import type { AzureOptions, S3Options } from '../../../src/storage/index.ts';
import { type Azurite, startAzurite } from './azurite.ts';
import { type Seaweedfs, type Stoppable, startSeaweedfs } from './seaweedfs.ts';

export type { Azurite } from './azurite.ts';
export { type Fault, FaultProxy } from './fault-proxy.ts';
export type { S3Keys, Seaweedfs } from './seaweedfs.ts';

/**
 * A running SeaweedFS. To be awaited at the top level of a test file: with `global-setup.ts` in vitest's
 * configuration it is shared by the whole run, without it this file gets one of its own.
 */
export function useSeaweedfs(): Promise<Seaweedfs> {
  return use('/seaweedfs', startSeaweedfs);
}

/** A running Azurite; as `useSeaweedfs`. */
export function useAzurite(): Promise<Azurite> {
  return use('/azurite', startAzurite);
}

async function use<T extends object>(path: string, start: () => Promise<T & Stoppable>): Promise<T> {
  // Not provided without the global setup, whatever the type says.
  const url = inject('storageServersUrl') as string | undefined;
  if (url === undefined) {
    const own = await start();
    afterAll(() => own.stop());
    return own;
  }
  const answer = await fetch(url + path);
  const text = await answer.text();
  if (!answer.ok) throw new Error(text);
  return JSON.parse(text) as T;
}

/** A prefix nobody else has: tests share one bucket, because SeaweedFS gives each bucket volumes of its own. */
export function uniquePrefix(): string {
  return `t-${process.pid}-${randomBytes(5).toString('hex')}/`;
}

export function s3OptionsFor(seaweedfs: Seaweedfs, more: Partial<S3Options> = {}): S3Options {
  const { admin, endpointUrl } = seaweedfs;
  return { ...admin, endpointUrl, bucket: 'tests', createBucket: true, globalPrefix: uniquePrefix(), ...more };
}

export function azureOptionsFor(azurite: Azurite, more: Partial<AzureOptions> = {}): AzureOptions {
  const { accountName, accountKey, endpointUrl } = azurite;
  const account = { accountName, accountKey, endpointUrl, useSharedKey: true };
  return { ...account, container: 'tests', createContainer: true, globalPrefix: uniquePrefix(), ...more };
}
