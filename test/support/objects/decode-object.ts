import { readFileSync } from 'node:fs';
import { readSnapshot } from '../../../src/snapshot/index.ts';

export interface DecodedObject {
  formatVersion: number;
  compatVersion: number;
  meta: Record<string, unknown>;
  dbis: {
    name: string;
    flags: number;
    transform: string;
    entries: { key: string; value: string; timestampNano: string; flags: number }[];
  }[];
}

/** A snapshot as `case.json` shows it. */
export function decodeObject(path: string): Promise<DecodedObject> {
  return decodeBytes(readFileSync(path));
}

export async function decodeBytes(bytes: Buffer): Promise<DecodedObject> {
  const result: DecodedObject = { formatVersion: 0, compatVersion: 0, meta: {}, dbis: [] };
  await readSnapshot(
    async function* () {
      yield bytes;
    },
    {
      header({ formatVersion, compatVersion, meta }) {
        result.formatVersion = formatVersion;
        result.compatVersion = compatVersion;
        result.meta = {
          generationID: meta.generationId,
          instanceID: meta.instanceId,
          hostname: meta.hostname,
          databaseName: meta.databaseName,
          lmdbTxnID: String(meta.lmdbTxnId),
          timestampNano: String(meta.timestampNano),
        };
      },
      restart() {
        result.dbis = [];
      },
      dbi({ name, flags, transform }) {
        result.dbis.push({ name, flags, transform, entries: [] });
      },
      entry({ buffer, keyStart, keyEnd, valueStart, valueEnd, timestampHi, timestampLo, flags }) {
        result.dbis.at(-1)!.entries.push({
          key: buffer.toString('hex', keyStart, keyEnd),
          value: buffer.toString('hex', valueStart, valueEnd),
          timestampNano: String((BigInt(timestampHi) << 32n) | BigInt(timestampLo)),
          flags,
        });
      },
    },
    { objectName: 'object' },
  );
  return result;
}
