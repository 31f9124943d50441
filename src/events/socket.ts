import { chmodSync, rmSync, statSync } from 'node:fs';
import { createConnection, createServer, type Server, type Socket } from 'node:net';
import { type ChangeEvent, PendingChanges } from '../sync/index.ts';
import type { Consumer } from './consumer.ts';
import { EventConsumerError } from './errors.ts';
import { linesOf } from './message.ts';

/** Bytes that may wait for one slow reader in the socket's own buffer. */
const BUFFER_BYTES = 256 * 1024;
/** Whoever reads takes memory for what waits. */
const MOST_READERS = 100;
/** Owner and group: names of an application's keys are nobody else's business, whatever the umask says. */
const MODE = 0o660;

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
    server.maxConnections = MOST_READERS;
    server.on('connection', (socket) => this.#accept(socket));
    // One connection that could not be accepted: too many open files.
    server.on('error', () => {});
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
    chmodSync(path, MODE);
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

  /** Readers get what waits for them; those that do not take it within `signal` are cut off. */
  async close(signal: AbortSignal): Promise<void> {
    const cutOff = (): void => {
      for (const reader of this.#readers) reader.cutOff();
    };
    signal.addEventListener('abort', cutOff, { once: true });
    for (const reader of this.#readers) reader.end();
    if (signal.aborted) cutOff();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
    signal.removeEventListener('abort', cutOff);
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
    this.#socket.end(linesOf(this.#pending.take()));
  }

  cutOff(): void {
    this.#socket.destroy();
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
