import { gunzipSync } from 'node:zlib';
import {
  CorruptSnapshotError,
  EntryPacker,
  encodeSnapshot,
  RefusedSnapshotError,
  readSnapshot,
} from '../../../src/snapshot/index.ts';
import type { DatabasePorts } from '../../../src/sync/index.ts';
import type { Clock } from '../../../src/sync/time/index.ts';
import type { World } from './world.ts';

type Gunzip = NonNullable<Parameters<typeof readSnapshot>[2]['gunzip']>;

/** Small ones: what is stored is of a few dozen entries. */
const MEMBER = { memberSizeBytes: 16 * 1024, maxInFlight: 1 };
const NEVER = new AbortController().signal;

/** The real codec, without the pool of threads: decompressing takes time of the world, and is then done at once. */
export function codecOf(world: World, clock: Clock, onRead: (objectName: string) => void): DatabasePorts['codec'] {
  const gunzip: Gunzip = async (source, take, { objectName, limits, signal }) => {
    const parts: Uint8Array[] = [];
    if (source instanceof Uint8Array) parts.push(source);
    else for await (const chunk of source) parts.push(chunk);
    await clock.sleep(world.random.between(0, 20), signal ?? NEVER);
    signal?.throwIfAborted();
    const packed = Buffer.concat(parts);
    const raw = unpack(objectName, packed);
    if (raw.length > limits.maxDecompressedBytes) {
      throw new RefusedSnapshotError(objectName, 'decompressed-size', 'it is too large');
    }
    take(raw);
    return { compressedBytes: packed.length, decompressedBytes: raw.length };
  };
  return {
    encode: (meta, dbis, options) => encodeSnapshot(meta, dbis, { ...options, ...MEMBER }),
    pack: {
      make: (spool) => new EntryPacker({ spool, memberSizeBytes: MEMBER.memberSizeBytes }),
      leastEntries: 1,
    },
    read: (open, visitor, options) => {
      onRead(options.objectName);
      return readSnapshot(open, visitor, { ...options, gunzip });
    },
  };
}

function unpack(objectName: string, packed: Buffer): Buffer {
  if (packed.length === 0) throw new CorruptSnapshotError(objectName, 'empty-object', 'it is empty');
  try {
    return gunzipSync(packed);
  } catch (error) {
    throw new CorruptSnapshotError(objectName, 'gzip', (error as Error).message, error);
  }
}
