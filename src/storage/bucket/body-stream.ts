import { Readable } from 'node:stream';
import type { ObjectBody } from '../types.ts';
import type { Deadline } from './deadline.ts';

/** The body of an upload failed, not the storage: the cause is the caller's own error and goes back to it. */
export class BodyFailure extends Error {
  constructor(cause: unknown) {
    super('the body of the object cannot be read', { cause });
  }
}

/** The body's chunks; more or less of them than announced, or an error while reading, is a `BodyFailure`. */
export async function* bodyChunks(body: ObjectBody): AsyncIterable<Uint8Array> {
  let seenBytes = 0;
  try {
    for await (const chunk of body.open()) {
      seenBytes += chunk.byteLength;
      if (seenBytes > body.sizeBytes) break;
      yield chunk;
    }
  } catch (cause) {
    throw new BodyFailure(cause);
  }
  if (seenBytes !== body.sizeBytes) {
    throw new BodyFailure(new RangeError(`a body of ${seenBytes} bytes was announced with ${body.sizeBytes}`));
  }
}

/**
 * A body as the stream that HTTP libraries take, for the time of `send`. They `pipe` it and so never notice that it
 * failed: that ends the call through its deadline. Closed in any case, also when the answer comes before the end.
 */
export async function withBodyStream<T>(
  body: ObjectBody,
  deadline: Deadline,
  send: (stream: Readable) => Promise<T>,
): Promise<T> {
  const stream = Readable.from(bodyChunks(body), { objectMode: false, highWaterMark: 256 * 1024 });
  stream.on('error', (error) => deadline.abort(error));
  try {
    return await send(stream);
  } finally {
    stream.destroy();
  }
}
