import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { base64Secret } from '../secrets.ts';
import { freePorts, startProcess } from './processes.ts';
import type { Stoppable } from './seaweedfs.ts';

export interface Azurite {
  readonly endpointUrl: string;
  readonly accountName: string;
  readonly accountKey: string;
}

const AZURITE = resolve(import.meta.dirname, '../../../node_modules/azurite/dist/src/blob/main.js');

/** Made up for the tests; Azurite takes it from `AZURITE_ACCOUNTS`. */
const ACCOUNT_NAME = 'lmdbstreamtest';
const ACCOUNT_KEY = base64Secret(64);

/** Microsoft's emulator of Azure Blob Storage, in memory, on the loopback. */
export async function startAzurite(): Promise<Azurite & Stoppable> {
  const folder = await mkdtemp(join(tmpdir(), 'lmdbstream-azurite-'));
  const [port] = await freePorts(1);
  const origin = `http://127.0.0.1:${port}`;
  const running = await startProcess(
    process.execPath,
    [
      AZURITE,
      ...['--blobHost', '127.0.0.1', '--blobPort', String(port)],
      ...['--silent', '--skipApiVersionCheck', '--inMemoryPersistence', '--disableTelemetry'],
    ],
    {
      cwd: folder,
      env: { ...process.env, AZURITE_ACCOUNTS: `${ACCOUNT_NAME}:${ACCOUNT_KEY}` },
      readyWithinMs: 60_000,
      isReady: async () => (await fetch(`${origin}/${ACCOUNT_NAME}?comp=list`)).status > 0,
    },
  ).catch(async (error) => {
    await rm(folder, { recursive: true, force: true });
    throw new Error('Azurite does not start, and the tests of Azure need it: run "npm ci"', { cause: error });
  });
  return {
    endpointUrl: `${origin}/${ACCOUNT_NAME}`,
    accountName: ACCOUNT_NAME,
    accountKey: ACCOUNT_KEY,
    stop: async () => {
      await running.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
