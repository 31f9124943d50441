import { rmSync, statSync } from 'node:fs';
import { createConnection, createServer, type Server, type Socket } from 'node:net';
import { type ChangeEvent, PendingChanges } from '../sync/index.ts';
import type { Consumer } from './consumer.ts';
import { EventConsumerError } from './errors.ts';
import { linesOf } from './message.ts';

/** Bytes that may wait for one slow reader in the socket's own buffer. */
const BUFFER_BYTES = 256 * 1024;

/** Whoever connects to a Unix socket gets every event from then on, as NDJSON. */
export class SocketConsumer implements Consumer {
  readonly name = 'socket';
  readonly #server: Server;
  readonly #path: string;
  readonly #maxKeys: number;
  readonly #readers = new Set<Reader>();

  private constructor(server: Server, path: string, maxKeys: number) {
    this.#server = server;
    this.#path = path;
    this.#maxKeys = maxKeys;
    server.on('connection', (socket) => this.#accept(socket));
  }

  /**
   * Listens. A socket file that nobody answers on is left from before and is replaced.
   * @throws EventConsumerError: another process answers there, something else has that name, or no rights
   */
  static async open(path: string, maxKeys: number): Promise<SocketConsumer> {
    await removeStale(path);
    const server = createServer();
    await new Promise<void>((resolve, reject) => {
      server.once('error', (error) => {
        reject(
          new EventConsumerError('socket', `${path}: ${error.message}`, 'its folder must be there and writable', error),
        );
      });
      server.listen(path, resolve);
    });
    return new SocketConsumer(server, path, maxKeys);
  }

  get readers(): number {
    return this.#readers.size;
  }

  /** Of the reader that is furthest behind. */
  get waiting(): number {
    return [...this.#readers].reduce((most, reader) => Math.max(most, reader.waiting), 0);
  }

  offer(event: ChangeEvent): void {
    for (const reader of this.#readers) reader.offer(event);
  }

  async close(): Promise<void> {
    for (const reader of this.#readers) reader.end();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
    rmSync(this.#path, { force: true });
  }

  #accept(socket: Socket): void {
    const reader = new Reader(socket, this.#maxKeys);
    this.#readers.add(reader);
    socket.on('error', () => {});
    socket.on('close', () => this.#readers.delete(reader));
    // Nothing is expected from it.
    socket.resume();
  }
}

/** One that reads: as fast as it can, and no more than a bounded number of keys waits for it. */
class Reader {
  readonly #socket: Socket;
  readonly #pending: PendingChanges;

  constructor(socket: Socket, maxKeys: number) {
    this.#socket = socket;
    this.#pending = new PendingChanges(maxKeys);
    socket.on('drain', () => this.#write());
  }

  get waiting(): number {
    return this.#pending.size;
  }

  offer(event: ChangeEvent): void {
    this.#pending.add(event);
    this.#write();
  }

  end(): void {
    this.#socket.end();
    this.#socket.unref();
  }

  #write(): void {
    if (this.#pending.isEmpty || this.#socket.writableLength > BUFFER_BYTES) return;
    this.#socket.write(linesOf(this.#pending.take()));
  }
}

async function removeStale(path: string): Promise<void> {
  let isSocket: boolean;
  try {
    isSocket = statSync(path).isSocket();
  } catch {
    return;
  }
  if (!isSocket) throw new EventConsumerError('socket', `${path} is there and is no socket`, 'choose another path');
  const answers = await new Promise<boolean>((resolve) => {
    const probe = createConnection(path, () => resolve(true));
    probe.on('error', () => resolve(false));
    probe.on('connect', () => probe.destroy());
  });
  if (answers)
    throw new EventConsumerError('socket', `another process listens on ${path}`, 'give each lmdbstream its own');
  rmSync(path, { force: true });
}
