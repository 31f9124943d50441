import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createStorage } from '../../../src/storage/index.ts';
import { secret } from '../secrets.ts';
import { installSeaweedfs } from './install-seaweedfs.ts';
import { freePorts, startProcess } from './processes.ts';

export interface S3Keys {
  readonly accessKey: string;
  readonly secretKey: string;
}

export interface Seaweedfs {
  readonly endpointUrl: string;
  /** May do everything. */
  readonly admin: S3Keys;
  /** May list and read every bucket, nothing else. */
  readonly reader: S3Keys;
}

export interface Stoppable {
  stop(): Promise<void>;
}

const ADMIN: S3Keys = { accessKey: secret('admin'), secretKey: secret('key-of-admin') };
const READER: S3Keys = { accessKey: secret('reader'), secretKey: secret('key-of-reader') };

const IDENTITIES = {
  identities: [
    { name: 'admin', credentials: [ADMIN], actions: ['Admin', 'Read', 'Write', 'List', 'Tagging'] },
    { name: 'reader', credentials: [READER], actions: ['Read', 'List'] },
  ],
};

/** One SeaweedFS with everything in it, on the loopback only, in a folder that `stop` removes. */
export async function startSeaweedfs(): Promise<Seaweedfs & Stoppable> {
  const weed = await installSeaweedfs();
  const folder = await mkdtemp(join(tmpdir(), 'lmdbstream-weed-'));
  const configFile = join(folder, 's3.json');
  await writeFile(configFile, JSON.stringify(IDENTITIES));
  const ports = await freePorts(10);
  const [s3, s3Grpc, master, masterGrpc, volume, volumeGrpc, filer, filerGrpc, admin, adminGrpc] = ports;
  const endpointUrl = `http://127.0.0.1:${s3}`;
  const seaweedfs = { endpointUrl, admin: ADMIN, reader: READER };
  const running = await startProcess(
    weed,
    [
      'mini',
      '-ip=127.0.0.1',
      '-ip.bind=127.0.0.1',
      `-dir=${folder}`,
      `-s3.config=${configFile}`,
      `-s3.port=${s3}`,
      `-s3.port.grpc=${s3Grpc}`,
      '-s3.port.iceberg=0',
      '-s3.port.lance=0',
      `-master.port=${master}`,
      `-master.port.grpc=${masterGrpc}`,
      '-master.telemetry=false',
      `-volume.port=${volume}`,
      `-volume.port.grpc=${volumeGrpc}`,
      `-filer.port=${filer}`,
      `-filer.port.grpc=${filerGrpc}`,
      `-admin.port=${admin}`,
      `-admin.port.grpc=${adminGrpc}`,
      '-admin.ui=false',
      '-webdav=false',
    ],
    {
      cwd: folder,
      readyWithinMs: 60_000,
      isReady: () => takesAnObject(seaweedfs),
      // It logs into the temporary folder, and leaves that there.
      env: { ...process.env, TMPDIR: folder },
    },
  ).catch(async (error) => {
    await rm(folder, { recursive: true, force: true });
    throw error;
  });
  return {
    ...seaweedfs,
    stop: async () => {
      await running.stop();
      await removeSockets(ports);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Weed leaves its Unix sockets in `/tmp`, whatever `TMPDIR` says; they carry the numbers of its ports. */
async function removeSockets(ports: readonly number[]): Promise<void> {
  for (const name of await readdir('/tmp').catch(() => [])) {
    const port = /^seaweedfs-[a-z0-9-]+-(\d+)\.sock$/.exec(name)?.[1];
    if (port !== undefined && ports.includes(Number(port))) await rm(join('/tmp', name), { force: true });
  }
}

/** The port listens long before there is a volume to write to. */
async function takesAnObject({ endpointUrl, admin }: Seaweedfs): Promise<boolean> {
  const storage = await createStorage({
    type: 's3',
    options: {
      ...admin,
      endpointUrl,
      bucket: 'is-ready',
      createBucket: true,
      initTimeoutMs: 2_000,
      clientTimeoutMs: 2_000,
    },
  });
  try {
    await storage.store('ready', Buffer.from('ready'));
    return true;
  } finally {
    await storage.close();
  }
}
