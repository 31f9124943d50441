import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type S3Client,
  type StorageClass,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { bodyChunks, withBodyStream } from '../bucket/body-stream.ts';
import type { Bucket, ListKeysOptions } from '../bucket/bucket.ts';
import type { BucketClock } from '../bucket/bucket-clock.ts';
import type { CallRunner } from '../bucket/call.ts';
import type { Deadline } from '../bucket/deadline.ts';
import { md5Of, md5OfBytes, partBytesFor, partsOf, SINGLE_REQUEST_MAX_BYTES, sendParts } from '../bucket/multipart.ts';
import { StorageError } from '../errors.ts';
import type { CallOptions, ObjectBody, ObjectDownload, ObjectInfo } from '../types.ts';
import { type ListPage, ListPages } from './list-page.ts';
import { sendListing } from './s3-answers.ts';

export interface S3BucketOptions {
  readonly bucket: string;
  /** Undefined for AWS's `us-east-1`, which must not be named when a bucket is created. */
  readonly locationConstraint: string | undefined;
  readonly storageClass: string | undefined;
  /** Send an MD5 with what is uploaded and compare the ETag that comes back. */
  readonly checkMd5: boolean;
  /** Parts of a large upload on their way at the same time. */
  readonly concurrency: number;
  readonly clock: BucketClock;
}

/** A cleaning-up call must not keep its caller: what it leaves is removed by a lifecycle rule (`docs/storage.md`). */
const ABORT_UPLOAD_TIMEOUT_MS = 10_000;

/** Any vendor's S3, through the SDK's client but not its upload manager: that one goes on sending after an abort. */
export class S3Bucket implements Bucket {
  readonly type = 's3';
  readonly #client: S3Client;
  readonly #calls: CallRunner;
  readonly #options: S3BucketOptions;
  readonly #onClose: () => void;
  readonly #pages = new ListPages();

  constructor(client: S3Client, calls: CallRunner, options: S3BucketOptions, onClose: () => void) {
    this.#client = client;
    this.#calls = calls;
    this.#options = options;
    this.#onClose = onClose;
  }

  async create(options: CallOptions, timeoutMs: number): Promise<void> {
    const { bucket: Bucket, locationConstraint } = this.#options;
    const command = new CreateBucketCommand({
      Bucket,
      ...(locationConstraint === undefined
        ? {}
        : { CreateBucketConfiguration: { LocationConstraint: locationConstraint as never } }),
    });
    const create = (deadline: Deadline) => this.#client.send(command, { abortSignal: deadline.signal });
    await this.#calls.run({ operation: 'create-bucket' }, options, create, timeoutMs).catch((error) => {
      if (!(error instanceof StorageError && error.errorLabel === 'BucketAlreadyOwnedByYou')) throw error;
    });
  }

  async *list(prefix: string, { folders, ...options }: ListKeysOptions): AsyncIterable<readonly ObjectInfo[]> {
    let token: string | undefined;
    for (let number = 0; ; number++) {
      const command = new ListObjectsV2Command({
        Bucket: this.#options.bucket,
        ...(prefix === '' ? {} : { Prefix: prefix }),
        ...(folders ? { Delimiter: '/' } : {}),
        ...(token === undefined ? {} : { ContinuationToken: token }),
      });
      const read = (body: Buffer): ListPage | undefined => this.#pages.read(prefix, number, body);
      const page = await this.#calls.run({ operation: 'list' }, options, (deadline) =>
        sendListing(this.#client, command, deadline.signal, read),
      );
      yield page.objects;
      if (page.folders.length > 0) {
        yield page.folders.map((name) => ({ name, sizeBytes: 0, modifiedMs: undefined }));
      }
      if (!page.isTruncated) return;
      if (page.nextToken === undefined || page.nextToken === token) {
        // Half a listing taken for a whole one would look like deleted objects.
        throw new StorageError('list: the service says there is more but not where', {
          operation: 'list',
          retryable: true,
          hint: 'the service does not speak version 2 of ListObjects as S3 does: see docs/storage.md for those that do',
        });
      }
      token = page.nextToken;
    }
  }

  get(key: string, options: CallOptions): Promise<ObjectDownload> {
    return this.#calls.download(key, options, async ({ signal }) => {
      const command = new GetObjectCommand({ Bucket: this.#options.bucket, Key: key });
      const { Body, ContentLength } = await this.#client.send(command, { abortSignal: signal });
      return { sizeBytes: ContentLength, chunks: Body as unknown as AsyncIterable<Uint8Array> };
    });
  }

  put(key: string, body: ObjectBody, options: CallOptions): Promise<string> {
    return this.#calls.run({ operation: 'store', objectName: key }, options, (deadline) =>
      body.sizeBytes <= SINGLE_REQUEST_MAX_BYTES
        ? this.#putWhole(key, body, deadline)
        : this.#putParts(key, body, deadline),
    );
  }

  async remove(key: string, options: CallOptions): Promise<void> {
    const command = new DeleteObjectCommand({ Bucket: this.#options.bucket, Key: key });
    const remove = (deadline: Deadline) => this.#client.send(command, { abortSignal: deadline.signal });
    await this.#calls.run({ operation: 'delete', objectName: key }, options, remove).catch((error) => {
      // AWS answers 204 for a missing key; some vendors answer 404.
      if (!(error instanceof StorageError && error.errorLabel === 'NotFound')) throw error;
    });
  }

  get clockOffsetMs(): number | undefined {
    return this.#options.clock.offsetMs;
  }

  async close(): Promise<void> {
    this.#client.destroy();
    this.#onClose();
  }

  async #putWhole(key: string, body: ObjectBody, deadline: Deadline): Promise<string> {
    const md5 = this.#options.checkMd5 ? await md5Of(body) : undefined;
    const output = await withBodyStream(body, deadline, (stream) => {
      const command = new PutObjectCommand({
        ...this.#target(key),
        // The SDK cannot tell the length of an empty stream.
        Body: body.sizeBytes === 0 ? Buffer.alloc(0) : stream,
        ContentLength: body.sizeBytes,
        ...(md5 === undefined ? {} : { ContentMD5: md5.toString('base64') }),
      });
      return this.#client.send(command, { abortSignal: deadline.signal });
    });
    // With a customer's or KMS key the ETag is no MD5 although it looks like one.
    const isMd5 = !output.SSECustomerAlgorithm && !output.ServerSideEncryption?.includes('kms');
    return this.#checkedEtag(key, output.ETag, isMd5 ? md5 : undefined);
  }

  async #putParts(key: string, body: ObjectBody, deadline: Deadline): Promise<string> {
    const create = new CreateMultipartUploadCommand(this.#target(key));
    const { UploadId } = await this.#client.send(create, { abortSignal: deadline.signal });
    if (!UploadId) throw noAnswerOfS3(key, 'UploadId');
    const upload = { Bucket: this.#options.bucket, Key: key, UploadId };
    try {
      const Parts = await sendParts(
        partsOf(bodyChunks(body), partBytesFor(body.sizeBytes)),
        this.#options.concurrency,
        async ({ number: PartNumber, bytes }) => {
          const md5 = this.#options.checkMd5 ? md5OfBytes(bytes).toString('base64') : undefined;
          const part = { ...upload, PartNumber, Body: bytes, ...(md5 === undefined ? {} : { ContentMD5: md5 }) };
          const { ETag } = await this.#client.send(new UploadPartCommand(part), { abortSignal: deadline.signal });
          return { PartNumber, ETag };
        },
        (error) => deadline.abort(error),
      );
      const complete = new CompleteMultipartUploadCommand({ ...upload, MultipartUpload: { Parts } });
      const { ETag } = await this.#client.send(complete, { abortSignal: deadline.signal });
      if (!ETag) throw noAnswerOfS3(key, 'ETag');
      return this.#checkedEtag(key, ETag, undefined);
    } catch (error) {
      // Parts of an upload that never ends are billed and seen by nobody.
      await this.#client
        .send(new AbortMultipartUploadCommand(upload), { abortSignal: AbortSignal.timeout(ABORT_UPLOAD_TIMEOUT_MS) })
        .catch(() => {});
      throw error;
    }
  }

  #target(key: string) {
    const { bucket: Bucket, storageClass } = this.#options;
    return { Bucket, Key: key, ...(storageClass ? { StorageClass: storageClass as StorageClass } : {}) };
  }

  #checkedEtag(key: string, etag: string | undefined, md5: Buffer | undefined): string {
    const plain = (etag ?? '').replaceAll('"', '');
    if (md5 !== undefined && /^[0-9a-f]{32}$/.test(plain) && plain !== md5.toString('hex')) {
      throw new StorageError(
        `store of ${JSON.stringify(key)}: the service got other bytes than were sent (ETag ${plain})`,
        {
          operation: 'store',
          objectName: key,
          retryable: true,
          errorLabel: 'BadDigest',
          hint: 'if every upload ends like this, its ETags are no MD5: set disable_send_content_md5: true',
        },
      );
    }
    return plain;
  }
}

/** Of the two answers of a multipart upload that say something in their body. */
function noAnswerOfS3(key: string, missing: string): StorageError {
  return new StorageError(`store of ${JSON.stringify(key)}: the answer to an upload in parts has no ${missing}`, {
    operation: 'store',
    objectName: key,
    retryable: true,
    errorLabel: 'ForeignAnswer',
    hint: 'something that is not the storage answers there, or changes its answers: check endpoint_url and the proxy settings',
  });
}
