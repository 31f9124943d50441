import type { Readable } from 'node:stream';
import type { ContainerClient, ContainerListBlobFlatSegmentResponse } from '@azure/storage-blob';
import { bodyChunks, withBodyStream } from '../bucket/body-stream.ts';
import type { Bucket, ListKeysOptions } from '../bucket/bucket.ts';
import type { BucketClock } from '../bucket/bucket-clock.ts';
import type { CallRunner } from '../bucket/call.ts';
import type { Deadline } from '../bucket/deadline.ts';
import { md5Of, md5OfBytes, partBytesFor, partsOf, SINGLE_REQUEST_MAX_BYTES, sendParts } from '../bucket/multipart.ts';
import { StorageError } from '../errors.ts';
import type { CallOptions, ObjectBody, ObjectDownload, ObjectInfo } from '../types.ts';
import { type AzureAnswer, checkEtag, checkHead, checkListing, headOf } from './azure-answers.ts';

/** Azure's largest. */
const PAGE_SIZE = 5_000;

export interface AzureBucketOptions {
  /** The client to use now: a key that was renewed makes a new one. */
  readonly client: () => Promise<ContainerClient>;
  /** Blocks of a large upload on their way at the same time. */
  readonly concurrency: number;
  /** Blobs of one answer to a listing; default 5,000. */
  readonly pageSize?: number | undefined;
  readonly clock: BucketClock;
}

/** A container of Azure Blob Storage; objects are block blobs. */
export class AzureBucket implements Bucket {
  readonly type = 'azure';
  readonly #client: () => Promise<ContainerClient>;
  readonly #calls: CallRunner;
  readonly #concurrency: number;
  readonly #onClose: () => void;
  readonly #pageSize: number;
  readonly #clock: BucketClock;
  #uploads = 0;

  constructor(calls: CallRunner, options: AzureBucketOptions, onClose: () => void) {
    this.#client = options.client;
    this.#calls = calls;
    this.#concurrency = options.concurrency;
    this.#pageSize = options.pageSize ?? PAGE_SIZE;
    this.#clock = options.clock;
    this.#onClose = onClose;
  }

  async create(options: CallOptions, timeoutMs: number): Promise<void> {
    const create = async ({ signal }: Deadline): Promise<void> => {
      this.#believed(await (await this.#client()).create({ abortSignal: signal }));
    };
    await this.#calls.run({ operation: 'create-container' }, options, create, timeoutMs).catch((error) => {
      if (!(error instanceof StorageError && error.errorLabel === 'ContainerAlreadyExists')) throw error;
    });
  }

  async *list(prefix: string, options: ListKeysOptions): AsyncIterable<readonly ObjectInfo[]> {
    let continuationToken: string | undefined;
    do {
      const page = await this.#calls.run({ operation: 'list' }, { signal: options.signal }, async ({ signal }) => {
        const blobs = (await this.#client()).listBlobsFlat({ prefix, abortSignal: signal });
        const pages = blobs.byPage({
          maxPageSize: this.#pageSize,
          ...(continuationToken === undefined ? {} : { continuationToken }),
        });
        const { value } = (await pages.next()) as { value: ContainerListBlobFlatSegmentResponse };
        checkListing(this.#believed(value));
        return value;
      });
      yield (page.segment?.blobItems ?? []).map(({ name, properties }) => ({
        name,
        sizeBytes: properties.contentLength ?? 0,
        modifiedMs: properties.lastModified?.getTime(),
      }));
      continuationToken = page.continuationToken || undefined;
    } while (continuationToken !== undefined);
  }

  get(key: string, options: CallOptions): Promise<ObjectDownload> {
    return this.#calls.download(key, options, async ({ signal }) => {
      const blob = (await this.#client()).getBlobClient(key);
      const answer = await blob.download(0, undefined, { abortSignal: signal, maxRetryRequests: 0 });
      // A stream without a listener would end the process when it is destroyed with an error.
      this.#believedBlob(answer, () =>
        (answer.readableStreamBody as Readable | undefined)?.on('error', () => {}).destroy(),
      );
      return {
        sizeBytes: answer.contentLength,
        chunks: answer.readableStreamBody as unknown as AsyncIterable<Uint8Array>,
      };
    });
  }

  put(key: string, body: ObjectBody, options: CallOptions): Promise<string> {
    return this.#calls.run({ operation: 'store', objectName: key }, options, (deadline) =>
      body.sizeBytes <= SINGLE_REQUEST_MAX_BYTES
        ? this.#putWhole(key, body, deadline)
        : this.#putBlocks(key, body, deadline),
    );
  }

  async remove(key: string, options: CallOptions): Promise<void> {
    const remove = async ({ signal }: Deadline): Promise<void> => {
      this.#believed(await (await this.#client()).deleteBlob(key, { abortSignal: signal }));
    };
    await this.#calls.run({ operation: 'delete', objectName: key }, options, remove).catch((error) => {
      if (!(error instanceof StorageError && error.errorLabel === 'NotFound')) throw error;
    });
  }

  get clockOffsetMs(): number | undefined {
    return this.#clock.offsetMs;
  }

  async close(): Promise<void> {
    this.#onClose();
  }

  async #putWhole(key: string, body: ObjectBody, deadline: Deadline): Promise<string> {
    const blob = (await this.#client()).getBlockBlobClient(key);
    const md5 = await md5Of(body);
    const answer = await withBodyStream(body, deadline, (stream) =>
      blob.upload(() => stream, body.sizeBytes, {
        abortSignal: deadline.signal,
        // Put Blob compares it with what arrived and refuses the blob when they differ.
        blobHTTPHeaders: { blobContentMD5: md5 },
      }),
    );
    return plainEtag(this.#believedBlob(answer).etag);
  }

  /** Blocks that are never committed are removed by Azure after a week. */
  async #putBlocks(key: string, body: ObjectBody, deadline: Deadline): Promise<string> {
    const blob = (await this.#client()).getBlockBlobClient(key);
    // Ids of one blob have one length; another writer of that name must not use ours.
    const upload = `${process.pid}-${process.hrtime.bigint()}-${this.#uploads++}`.padEnd(40, '-').slice(0, 40);
    const ids = await sendParts(
      partsOf(bodyChunks(body), partBytesFor(body.sizeBytes)),
      this.#concurrency,
      async ({ number, bytes }) => {
        const id = Buffer.from(`${upload}${String(number).padStart(6, '0')}`).toString('base64');
        const answer = await blob.stageBlock(id, bytes, bytes.byteLength, {
          abortSignal: deadline.signal,
          transactionalContentMD5: md5OfBytes(bytes),
        });
        this.#believed(answer);
        return id;
      },
      (error) => deadline.abort(error),
    );
    return plainEtag(this.#believedBlob(await blob.commitBlockList(ids, { abortSignal: deadline.signal })).etag);
  }

  /** The answer, unless something else than Azure gave it. */
  #believed<T extends AzureAnswer>(answer: T): T {
    const head = headOf(answer);
    this.#clock.answered(head.header('date'));
    checkHead(head);
    return answer;
  }

  /** The same of an answer that is about a blob that exists. */
  #believedBlob<T extends AzureAnswer>(answer: T, giveUp: () => void = () => {}): T {
    try {
      this.#believed(answer);
      checkEtag(answer);
      return answer;
    } catch (error) {
      giveUp();
      throw error;
    }
  }
}

const plainEtag = (etag: string | undefined): string => (etag ?? '').replaceAll('"', '');
