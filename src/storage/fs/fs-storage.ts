import { watch } from 'node:fs';
import { type FileHandle, lstat, open, readdir, rename, stat, unlink } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Log } from '../../log/index.ts';
import { asBody, exactly } from '../body.ts';
import { FsOptionsError, type StorageError, type StorageOperation } from '../errors.ts';
import { isVisibleFileName, nameRefused, objectNotFound, sortByName } from '../names.ts';
import type { FsOptions } from '../options.ts';
import type { CallOptions, ObjectBody, ObjectDownload, ObjectInfo, ObjectStorage, StorageWatch } from '../types.ts';
import { errnoOf, fsError } from './fs-errors.ts';
import { KeptInfos } from './kept-infos.ts';
import { makeFolder } from './make-folder.ts';
import { syncFolder } from './sync-folder.ts';
import { removeLeftovers, temporaryName } from './temporary-files.ts';

const CHUNK_BYTES = 256 * 1024;
/** `lstat` calls at the same time in a listing: the thread pool has four threads, a network folder gains from a queue. */
const LIST_BATCH = 32;

export function checkFsOptions(options: FsOptions): void {
  if (!options.rootPath) throw new FsOptionsError('root_path', 'root_path is required');
}

/** A bucket in a folder, local or on a network file system; flat, as the reference writes and reads it. */
export class FsStorage implements ObjectStorage {
  readonly type = 'fs';
  readonly #rootPath: string;
  readonly #watches = new Set<StorageWatch>();

  readonly #kept: KeptInfos;
  /** Names that we wrote or removed: the folder tells us of them, too. */
  readonly #ours = new Set<string>();

  private constructor(rootPath: string, now: () => number) {
    this.#rootPath = rootPath;
    this.#kept = new KeptInfos(now);
  }

  /** @throws FsOptionsError, StorageError when the folder is missing or cannot be made or read. */
  static async open(options: FsOptions, { log, now = Date.now }: { log: Log; now?: () => number }): Promise<FsStorage> {
    checkFsOptions(options);
    const rootPath = resolve(options.rootPath);
    try {
      if (options.createFolder ?? true) await makeFolder(rootPath);
      const removed = await removeLeftovers(rootPath, now());
      if (removed > 0) log.info('removed temporary files of earlier processes', { folder: rootPath, removed });
    } catch (error) {
      throw fsError('init', rootPath, error);
    }
    return new FsStorage(rootPath, now);
  }

  async *list(prefix: string, { signal }: CallOptions = {}): AsyncIterable<ObjectInfo> {
    signal?.throwIfAborted();
    const found: ObjectInfo[] = [];
    try {
      const all = await readdir(this.#rootPath);
      this.#kept.keepOnly(all);
      this.#forgetOurs(all);
      const names: string[] = [];
      for (const name of all) {
        if (!name.startsWith(prefix) || !isVisibleFileName(name)) continue;
        const kept = this.#kept.get(name);
        if (kept === undefined) names.push(name);
        else found.push(kept);
      }
      for (let start = 0; start < names.length; start += LIST_BATCH) {
        signal?.throwIfAborted();
        const infos = await Promise.all(names.slice(start, start + LIST_BATCH).map((name) => this.#info(name)));
        for (const info of infos) if (info !== undefined) found.push(info);
      }
    } catch (error) {
      throw this.#error('list', error);
    }
    yield* sortByName(found);
  }

  async load(name: string, { signal }: CallOptions = {}): Promise<ObjectDownload> {
    signal?.throwIfAborted();
    if (!isVisibleFileName(name)) throw objectNotFound('load', name);
    try {
      const info = this.#kept.get(name) ?? (await this.#info(name));
      if (info === undefined) throw await this.#notFound(name);
      return { sizeBytes: info.sizeBytes, stream: this.#read(info, signal) };
    } catch (error) {
      throw this.#error('load', error, name);
    }
  }

  async store(name: string, body: ObjectBody | Uint8Array, { signal }: CallOptions = {}): Promise<void> {
    signal?.throwIfAborted();
    if (!isVisibleFileName(name)) throw nameRefused('store', name);
    const temporary = join(this.#rootPath, temporaryName());
    try {
      const file = await open(temporary, 'wx', 0o666);
      let closed: Promise<void> | undefined;
      try {
        await writeBody(file, name, asBody(body), signal);
        await file.sync();
        signal?.throwIfAborted();
        this.#ours.add(name);
        // All of it is on the disk: closing need not be waited for.
        closed = file.close();
        await Promise.all([closed, rename(temporary, join(this.#rootPath, name))]);
      } finally {
        await (closed ?? file.close());
      }
      this.#kept.drop(name);
    } catch (error) {
      await unlink(temporary).catch(() => {});
      throw this.#error('store', error, name);
    }
    await this.#syncFolder('store', name);
  }

  async delete(name: string, { signal }: CallOptions = {}): Promise<void> {
    signal?.throwIfAborted();
    if (!isVisibleFileName(name)) throw nameRefused('delete', name);
    try {
      this.#kept.drop(name);
      this.#ours.add(name);
      await unlink(join(this.#rootPath, name));
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') throw this.#error('delete', error, name);
      await stat(this.#rootPath).catch((cause) => {
        throw this.#error('delete', cause, name);
      });
      return;
    }
    await this.#syncFolder('delete', name);
  }

  /** Sees what this machine's kernel sees: not what another machine writes to a network folder. */
  watch(prefix: string, onChange: () => void): StorageWatch {
    const handles: StorageWatch[] = [];
    const stop: StorageWatch = {
      close: () => {
        this.#watches.delete(stop);
        for (const handle of handles.splice(0)) handle.close();
      },
    };
    try {
      const watcher = watch(this.#rootPath, { persistent: false }, (event, name) => {
        if (event === 'rename' && (name === null || this.#isNews(name, prefix))) onChange();
      });
      handles.push(watcher);
      watcher.on('error', () => stop.close());
      this.#watches.add(stop);
    } catch {
      // No watch (the kernel's limit, or the folder is gone): polling finds everything all the same.
    }
    return stop;
  }

  async close(): Promise<void> {
    for (const stop of [...this.#watches]) stop.close();
  }

  #isNews(name: string, prefix: string): boolean {
    return name.startsWith(prefix) && isVisibleFileName(name) && !this.#ours.has(name);
  }

  #forgetOurs(names: readonly string[]): void {
    if (this.#ours.size === 0) return;
    const there = new Set(names);
    for (const name of this.#ours) if (!there.has(name)) this.#ours.delete(name);
  }

  async #info(name: string): Promise<ObjectInfo | undefined> {
    try {
      const stats = await lstat(join(this.#rootPath, name));
      if (!stats.isFile()) return undefined;
      const info = { name, sizeBytes: stats.size, modifiedMs: stats.mtimeMs };
      this.#kept.add(info, stats.ctimeMs);
      return info;
    } catch (error) {
      // Removed between the listing and now.
      if (errnoOf(error) === 'ENOENT') return undefined;
      throw error;
    }
  }

  async *#read({ name, sizeBytes }: ObjectInfo, signal: AbortSignal | undefined): AsyncIterable<Uint8Array> {
    let file: FileHandle | undefined;
    try {
      // Opened when it is read, not before: a download that nobody reads holds no file.
      file = await open(join(this.#rootPath, name), 'r').catch(async (error) => {
        throw errnoOf(error) === 'ENOENT' ? await this.#notFound(name, error) : error;
      });
      yield* exactly(readChunks(file, sizeBytes, signal), sizeBytes, { operation: 'load', objectName: name });
    } catch (error) {
      // Its size may be another one by now.
      this.#kept.drop(name);
      throw this.#error('load', error, name);
    } finally {
      // Nobody waits for that, and nothing depends on it.
      void file?.close().catch(() => {});
    }
  }

  /** @throws the system's error when it is the folder that is missing */
  async #notFound(name: string, cause?: unknown): Promise<StorageError> {
    await stat(this.#rootPath);
    return objectNotFound('load', name, cause);
  }

  /** Without it a power failure may undo the rename. */
  async #syncFolder(operation: 'store' | 'delete', name: string): Promise<void> {
    await syncFolder(this.#rootPath).catch((error) => {
      throw this.#error(operation, error, name);
    });
  }

  #error(operation: StorageOperation, cause: unknown, name?: string): unknown {
    return fsError(operation, this.#rootPath, cause, name);
  }
}

async function writeBody(
  file: FileHandle,
  objectName: string,
  body: ObjectBody,
  signal: AbortSignal | undefined,
): Promise<void> {
  let position = 0;
  for await (const chunk of exactly(body.open(), body.sizeBytes, { operation: 'store', objectName })) {
    signal?.throwIfAborted();
    for (let done = 0; done < chunk.byteLength; ) {
      const { bytesWritten } = await file.write(chunk, done, chunk.byteLength - done, position + done);
      done += bytesWritten;
    }
    position += chunk.byteLength;
  }
}

/**
 * @param sizeBytes of the file, as far as is known; one byte more tells that it has grown, and one less than was asked for
 * that there is no more
 */
async function* readChunks(
  file: FileHandle,
  sizeBytes: number,
  signal: AbortSignal | undefined,
): AsyncIterable<Uint8Array> {
  const chunkBytes = Math.min(CHUNK_BYTES, sizeBytes + 1);
  for (let doneBytes = 0; ; ) {
    signal?.throwIfAborted();
    const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(chunkBytes), 0, chunkBytes);
    if (bytesRead === 0) return;
    doneBytes += bytesRead;
    yield buffer.subarray(0, bytesRead);
    if (bytesRead < chunkBytes && doneBytes === sizeBytes) return;
  }
}
