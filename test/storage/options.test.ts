import { describe, expect, it } from 'vitest';
import { azureContainerUrl } from '../../src/storage/azure/azure-options.ts';
import {
  type AzureOptions,
  AzureOptionsError,
  checkAzureOptions,
  checkS3Options,
  createStorage,
  type S3Options,
  S3OptionsError,
  type StorageOptions,
  UnknownStorageTypeError,
} from '../../src/storage/index.ts';
import { s3Endpoint } from '../../src/storage/s3/s3-options.ts';
import { failureOf } from './support.ts';

const S3: S3Options = { accessKey: 'a', secretKey: 's', bucket: 'b' };
const AZURE: AzureOptions = { accountName: 'n', accountKey: 'a2V5', useSharedKey: true, container: 'c' };

describe('storage type', () => {
  it.each([
    ['', 'no storage.type configured'],
    ['ftp', 'storage.type "ftp" is not known'],
  ])('%j is refused', async (type, message) => {
    const error = await failureOf(createStorage({ type } as unknown as StorageOptions));
    expect(error).toBeInstanceOf(UnknownStorageTypeError);
    expect(error).toMatchObject({ message, code: 'STORAGE_TYPE' });
  });
});

describe('s3 options', () => {
  it.each<[string, Partial<S3Options>, string]>([
    ['half a pair of keys', { secretKey: undefined }, 'credentials are incomplete'],
    ['half a pair of files', { accessKeyFile: '/k' }, 'credentials are incomplete'],
    ['no bucket', { bucket: '' }, 'bucket is required'],
    ['no scheme', { endpointUrl: 'minio.example.com' }, 'no scheme provided for endpoint URL "minio.example.com"'],
    ['a host as scheme', { endpointUrl: 'localhost:9000' }, 'unsupported scheme for S3: "localhost"'],
    ['another scheme', { endpointUrl: 'ftp://x' }, 'unsupported scheme for S3: "ftp"'],
    ['a URL that is none', { endpointUrl: 'http://' }, 'is not a URL'],
    [
      'a hasty refresh',
      { accessKeyFile: '/a', secretKeyFile: '/s', secretsRefreshIntervalMs: 999 },
      'secrets_refresh_interval must be at least 1s',
    ],
    ['no time at all', { clientTimeoutMs: 0 }, 'client_timeout must be more than 0'],
    ['more time than a timer has', { initTimeoutMs: 2 ** 31 }, 'init_timeout must be'],
    ['half a thread', { numMinioThreads: 1.5 }, 'num_minio_threads'],
    ['fewer than no connections', { maxIdleConns: -1 }, 'max_idle_conns'],
    ['a certificate without key', { tls: { cert: 'x' } }, 'a client certificate needs its key'],
  ])('%s is refused', async (_, more, message) => {
    const options = { ...S3, ...more };
    expect(() => checkS3Options(options)).toThrow(S3OptionsError);
    expect(() => checkS3Options(options)).toThrow(message);
    expect(await failureOf(createStorage({ type: 's3', options }))).toBeInstanceOf(S3OptionsError);
  });

  it.each<[string, Partial<S3Options>]>([
    ['the least', {}],
    ['credentials of the environment', { accessKey: undefined, secretKey: undefined }],
    ['files', { accessKeyFile: '/a', secretKeyFile: '/s', secretsRefreshIntervalMs: 1_000 }],
    ['a refresh interval without files', { secretsRefreshIntervalMs: 1 }],
  ])('%s is accepted', (_, more) => {
    expect(() => checkS3Options({ ...S3, ...more })).not.toThrow();
  });

  it.each([
    [undefined, undefined, undefined, 'us-east-1', false],
    ['https://s3.amazonaws.com', 'eu-west-1', undefined, 'eu-west-1', false],
    [
      'https://s3.eu-central-1.amazonaws.com',
      undefined,
      'https://s3.eu-central-1.amazonaws.com',
      'eu-central-1',
      false,
    ],
    ['https://s3.amazonaws.com.evil.example', undefined, 'https://s3.amazonaws.com.evil.example', 'us-east-1', true],
    ['http://127.0.0.1:9000', undefined, 'http://127.0.0.1:9000', 'us-east-1', true],
    ['https://minio.example.com', 'here', 'https://minio.example.com', 'here', true],
  ])('endpoint %s in region %s', (endpointUrl, region, endpoint, expectedRegion, forcePathStyle) => {
    const expected = { endpoint, region: expectedRegion, forcePathStyle };
    expect(s3Endpoint({ ...S3, endpointUrl, region })).toEqual(expected);
  });
});

describe('azure options', () => {
  it.each<[string, Partial<AzureOptions>, string]>([
    ['no container', { container: '' }, 'container is required'],
    ['no account', { accountName: '', useSharedKey: false }, 'account_name is required if endpoint_url is not set'],
    ['half a key', { accountKey: 'a2V5x' }, 'account_key is not base64'],
    ['no key', { accountKey: '' }, 'account_name and either account_key or account_key_file are required'],
    ['a hasty refresh', { accountKeyFile: '/k', secretsRefreshIntervalMs: 10 }, 'must be at least 1s'],
    ['a token without TLS', { useSharedKey: false, endpointUrl: 'http://x' }, 'must not be sent without TLS'],
    ['another scheme', { endpointUrl: 'ftp://x' }, 'unsupported scheme for Azure: "ftp"'],
    ['half a block', { concurrency: 0.5 }, 'concurrency'],
  ])('%s is refused', async (_, more, message) => {
    const options = { ...AZURE, ...more };
    expect(() => checkAzureOptions(options)).toThrow(AzureOptionsError);
    expect(() => checkAzureOptions(options)).toThrow(message);
    expect(await failureOf(createStorage({ type: 'azure', options }))).toBeInstanceOf(AzureOptionsError);
  });

  it('makes the URL of the container', () => {
    expect(azureContainerUrl(AZURE)).toBe('https://n.blob.core.windows.net/c');
    expect(azureContainerUrl({ ...AZURE, endpointUrl: 'http://127.0.0.1:10000/n/' })).toBe(
      'http://127.0.0.1:10000/n/c',
    );
  });
});
