import { checkBucketOptions, checkEndpoint } from '../bucket/checks.ts';
import { S3OptionsError } from '../errors.ts';
import type { S3Options } from '../options.ts';

/** @throws S3OptionsError. Contacts nothing and reads no file. */
export function checkS3Options(options: S3Options): void {
  const { accessKey, secretKey, accessKeyFile, secretKeyFile } = options;
  // Neither pair: the credentials of the environment (better: the reference refuses that). Half a pair is a mistake.
  if (Boolean(accessKey) !== Boolean(secretKey) || Boolean(accessKeyFile) !== Boolean(secretKeyFile)) {
    throw new S3OptionsError(
      accessKey || secretKey ? 'access_key' : 'access_key_file',
      'credentials are incomplete, fill either (access_key and secret_key) or (access_key_file and secret_key_file)',
      'leave out all four to use the credentials of the environment: variables, profile or role',
    );
  }
  checkBucketOptions(options, Boolean(accessKeyFile), S3OptionsError);
  if (!options.bucket) throw new S3OptionsError('bucket', 'bucket is required');
  checkEndpoint(options.endpointUrl, 'S3', S3OptionsError);
  const threads = options.numMinioThreads;
  if (threads !== undefined && !(threads >= 0 && Number.isInteger(threads))) {
    throw new S3OptionsError('num_minio_threads', 'num_minio_threads must be a whole number, 0 for the default');
  }
}

const AWS_HOST = /^s3(?:[.-](?:dualstack\.)?([a-z]{2}(?:-[a-z]+)+-\d))?\.amazonaws\.com(?:\.cn)?$/;

export interface S3Endpoint {
  readonly region: string;
  /** Undefined: that of AWS for the region. */
  readonly endpoint: string | undefined;
  /** `host/bucket/key`, which every vendor understands, in place of AWS's `bucket.host/key`. */
  readonly forcePathStyle: boolean;
}

/** `https://s3.amazonaws.com` is the reference's default and means "AWS, wherever the region is". */
export function s3Endpoint({ endpointUrl, region }: S3Options): S3Endpoint {
  const aws = endpointUrl ? AWS_HOST.exec(new URL(endpointUrl).hostname) : undefined;
  if (!endpointUrl || (aws !== null && aws !== undefined && aws[1] === undefined)) {
    return { region: region || 'us-east-1', endpoint: undefined, forcePathStyle: false };
  }
  return { region: region || aws?.[1] || 'us-east-1', endpoint: endpointUrl, forcePathStyle: !aws };
}
