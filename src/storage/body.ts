import { createHash } from 'node:crypto';
import { StorageError } from './errors.ts';
import type { ObjectBody, ObjectDownload } from './types.ts';

/** The bytes as they are, not copied: the caller keeps them unchanged while the body is in use. */
export function bytesBody(bytes: Uint8Array): ObjectBody {
  return {
    sizeBytes: bytes.byteLength,
    bytes,
    async *open() {
      if (bytes.byteLength > 0) yield bytes;
    },
  };
}

export function asBody(body: ObjectBody | Uint8Array): ObjectBody {
  return body instanceof Uint8Array ? bytesBody(body) : body;
}

/**
 * Passes the chunks on and throws unless exactly `sizeBytes` went by: neither a body cut short nor one that is too
 * long is ever taken for a whole object (I7).
 */
export async function* exactly(
  chunks: AsyncIterable<Uint8Array>,
  sizeBytes: number | undefined,
  details: { readonly operation: 'load' | 'store'; readonly objectName: string },
): AsyncIterable<Uint8Array> {
  let seenBytes = 0;
  for await (const chunk of chunks) {
    seenBytes += chunk.byteLength;
    if (sizeBytes !== undefined && seenBytes > sizeBytes) break;
    yield chunk;
  }
  if (sizeBytes !== undefined && seenBytes !== sizeBytes) {
    throw new StorageError(
      `${details.operation} of ${JSON.stringify(details.objectName)}: ${
        seenBytes < sizeBytes ? `ended after ${seenBytes}` : `more than the announced ${sizeBytes}`
      } of ${sizeBytes} bytes`,
      { ...details, retryable: true, errorLabel: 'Truncated' },
    );
  }
}

/** The whole body in one buffer of its own. For small objects: `maxBytes` bounds what is kept. */
export async function collect(chunks: AsyncIterable<Uint8Array>, maxBytes = Number.MAX_SAFE_INTEGER): Promise<Buffer> {
  const parts: Buffer[] = [];
  let sizeBytes = 0;
  for await (const chunk of chunks) {
    sizeBytes += chunk.byteLength;
    if (sizeBytes > maxBytes) throw new RangeError(`more than ${maxBytes} bytes`);
    parts.push(Buffer.from(chunk));
  }
  return Buffer.concat(parts, sizeBytes);
}

export async function collectDownload(download: ObjectDownload, maxBytes?: number): Promise<Buffer> {
  return collect(download.stream, maxBytes);
}

/** SHA-256, as hexadecimal digits. */
export async function digestOf(chunks: AsyncIterable<Uint8Array>): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of chunks) hash.update(chunk);
  return hash.digest('hex');
}
