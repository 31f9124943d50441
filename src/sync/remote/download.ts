import { bytesBody, type ObjectBody, type ObjectStorage, type Spool, type SpoolOptions } from '../../storage/index.ts';

export interface Download {
  readonly body: ObjectBody;
  dispose(): void;
}

/** Bytes of one download kept in memory; the rest goes to an unlinked temporary file. */
const DOWNLOAD_MEMORY_BYTES = 4 * 1024 * 1024;
/** A delta is most often smaller than a spool's first block. */
const SMALL_BYTES = 32 * 1024;

/** Loads an object: a small one into its own bytes, any other into a spool. The caller disposes of it. */
export async function downloadObject(
  storage: ObjectStorage,
  name: string,
  makeSpool: (options: SpoolOptions) => Spool,
  signal: AbortSignal,
  onProgress: (doneBytes: number) => void,
): Promise<Download> {
  const { stream } = await storage.load(name, { signal });
  let small: Buffer[] = [];
  let sizeBytes = 0;
  let spool: Spool | undefined;
  try {
    for await (const chunk of stream) {
      sizeBytes += chunk.byteLength;
      onProgress(sizeBytes);
      if (!spool && sizeBytes <= SMALL_BYTES) {
        small.push(Buffer.from(chunk));
        continue;
      }
      spool ??= makeSpool({ memoryBytes: DOWNLOAD_MEMORY_BYTES });
      for (const part of small) spool.append(part);
      small = [];
      spool.append(chunk);
    }
  } catch (error) {
    spool?.dispose();
    throw error;
  }
  if (!spool) return { body: bytesBody(Buffer.concat(small, sizeBytes)), dispose: () => {} };
  const body = spool.finish();
  return { body, dispose: () => body.dispose() };
}
