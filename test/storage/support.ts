import {
  type CallOptions,
  collectDownload,
  type ObjectBody,
  type ObjectDownload,
  type ObjectInfo,
  type ObjectStorage,
} from '../../src/storage/index.ts';

export const bytesOf = (text: string): Buffer => Buffer.from(text);

/** The same bytes for the same size: a xorshift, incompressible and without a seed to print. */
export function randomBytes(sizeBytes: number): Buffer {
  const bytes = Buffer.allocUnsafe(sizeBytes);
  let state = 0x9e3779b9 ^ sizeBytes;
  for (let index = 0; index < sizeBytes; index++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    bytes[index] = state;
  }
  return bytes;
}

export function repeatable(chunks: readonly Uint8Array[]): ObjectBody {
  return {
    sizeBytes: chunks.reduce((sum, chunk) => sum + chunk.byteLength, 0),
    async *open() {
      yield* chunks;
    },
  };
}

export const contentOf = (download: ObjectDownload): Promise<Buffer> => collectDownload(download);

export async function listOf(storage: ObjectStorage, prefix = '', options?: CallOptions): Promise<ObjectInfo[]> {
  const infos: ObjectInfo[] = [];
  for await (const info of storage.list(prefix, options)) infos.push(info);
  return infos;
}

export async function namesOf(storage: ObjectStorage, prefix = ''): Promise<string[]> {
  return (await listOf(storage, prefix)).map(({ name }) => name);
}

/** What the promise is rejected with. @throws when it is not. */
export async function failureOf(promise: Promise<unknown>): Promise<unknown> {
  let value: unknown;
  try {
    value = await promise;
  } catch (error) {
    return error;
  }
  throw new Error(`expected a failure, got ${String(value)}`);
}
