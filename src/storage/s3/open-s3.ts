import { S3Client } from '@aws-sdk/client-s3';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import type { Log } from '../../log/index.ts';
import { createAgents } from '../bucket/agents.ts';
import { BucketClock } from '../bucket/bucket-clock.ts';
import { CallRunner } from '../bucket/call.ts';
import { KeyFile } from '../bucket/key-file.ts';
import { openBucketStorage } from '../bucket/open-bucket.ts';
import type { OpenContext } from '../context.ts';
import type { S3Options } from '../options.ts';
import type { ObjectStorage } from '../types.ts';
import { watchAnswers } from './s3-answers.ts';
import { S3Bucket } from './s3-bucket.ts';
import { s3Failure } from './s3-errors.ts';
import { checkS3Options, s3Endpoint } from './s3-options.ts';

/** As minio-go, which the reference uses. */
const DEFAULT_CONCURRENCY = 4;

/** @throws S3OptionsError, StorageError when files cannot be read or the bucket cannot be made. */
export async function openS3(options: S3Options, context: OpenContext): Promise<ObjectStorage> {
  checkS3Options(options);
  const { log } = context;
  const endpoint = s3Endpoint(options);
  const agents = await createAgents(options, log);
  const client = new S3Client({
    region: endpoint.region,
    forcePathStyle: endpoint.forcePathStyle,
    ...(endpoint.endpoint === undefined ? {} : { endpoint: endpoint.endpoint }),
    ...credentialsOf(options, context),
    requestHandler: new NodeHttpHandler({ httpAgent: agents.http, httpsAgent: agents.https }),
    logger: sdkLogger(log),
    // One attempt: trying again is above all backends, with the configured interval and count.
    maxAttempts: 1,
    // The SDK's own checksums are trailers that many vendors refuse; Content-MD5 is understood by all of them.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    expectContinueHeader: false,
    followRegionRedirects: endpoint.endpoint === undefined,
  });
  const clock = new BucketClock(context.now);
  watchAnswers(client, clock);
  const bucket = new S3Bucket(
    client,
    new CallRunner(options.clientTimeoutMs, s3Failure),
    {
      bucket: options.bucket,
      locationConstraint: endpoint.region === 'us-east-1' ? undefined : endpoint.region,
      storageClass: options.storageClass,
      checkMd5: !(options.disableSendContentMd5 ?? false),
      concurrency: options.numMinioThreads || DEFAULT_CONCURRENCY,
      clock,
    },
    agents.close,
  );
  if (options.prefixFolders) log.warn('storage.options.prefix_folders is deprecated, use hide_folders');
  return openBucketStorage(bucket, options, context, {
    create: options.createBucket ? 'create-bucket' : undefined,
    folders: options.hideFolders ? 'hide' : options.prefixFolders ? 'prefix' : 'show',
  });
}

/** The SDK writes to the console otherwise. What it tells of an error is in the error that it throws too. */
function sdkLogger(log: Log) {
  const toDebug = (...parts: unknown[]): void => log.debug('S3 client', { message: parts.map(String).join(' ') });
  // It would print every request and answer as `debug` and `info`.
  const drop = (): void => {};
  return { trace: drop, debug: drop, info: drop, warn: toDebug, error: drop };
}

/** None given: the SDK looks in the environment, profiles and the machine's role. */
function credentialsOf(options: S3Options, { now, log }: OpenContext) {
  const { accessKey, secretKey, accessKeyFile, secretKeyFile } = options;
  if (accessKeyFile && secretKeyFile) {
    const refreshMs = options.secretsRefreshIntervalMs;
    const accessKeys = new KeyFile(accessKeyFile, refreshMs, { now, log });
    const secretKeys = new KeyFile(secretKeyFile, refreshMs, { now, log });
    return {
      credentials: async () => ({
        accessKeyId: await accessKeys.value(),
        secretAccessKey: await secretKeys.value(),
        // What has run out is asked for again with every request; the files are read again every `refreshMs`.
        expiration: new Date(0),
      }),
    };
  }
  return accessKey && secretKey ? { credentials: { accessKeyId: accessKey, secretAccessKey: secretKey } } : {};
}
