import { above, type Problem } from './rules.ts';
import type { AzureOptions, S3Options } from './storage-options.ts';
import type { Config } from './types.ts';

/** Cleaning, and the options of the backend as far as they can be judged without asking it. */
export function* checkStorage({ storage }: Config): Generator<Problem> {
  const { cleanup } = storage;
  yield* above(0, cleanup.intervalMs, ['storage', 'cleanup', 'interval']);
  yield* above(0, cleanup.mustKeepIntervalMs, ['storage', 'cleanup', 'must_keep_interval']);
  yield* above(0, cleanup.removeOldInstancesIntervalMs, ['storage', 'cleanup', 'remove_old_instances_interval']);
  if (storage.type === 'fs') yield* required(storage.options.rootPath, 'root_path');
  if (storage.type === 's3') yield* checkS3(storage.options);
  if (storage.type === 'azure') yield* checkAzure(storage.options);
}

const option = (...keys: string[]): string[] => ['storage', 'options', ...keys];

function* checkS3(options: S3Options): Generator<Problem> {
  yield* required(options.bucket, 'bucket');
  const hasAccess = options.accessKey !== undefined || options.accessKeyFile !== undefined;
  const hasSecret = options.secretKey !== undefined || options.secretKeyFile !== undefined;
  if (hasAccess !== hasSecret) {
    yield {
      path: option(hasAccess ? 'secret_key' : 'access_key'),
      what: 'is missing: the access key and the secret key belong together',
      hint: 'give both, inline or as files, or neither to use the credentials of the environment or the role of the machine',
    };
  }
  yield* checkRefresh(options, options.accessKeyFile !== undefined || options.secretKeyFile !== undefined);
  yield* checkEndpoint(options.endpointUrl);
}

function* checkAzure(options: AzureOptions): Generator<Problem> {
  yield* required(options.container, 'container');
  const hasKey = options.accountKey !== undefined || options.accountKeyFile !== undefined;
  if (options.useSharedKey && (options.accountName === undefined || !hasKey)) {
    yield { path: option('use_shared_key'), what: 'needs account_name, and account_key or account_key_file' };
  } else if (options.accountName === undefined && options.endpointUrl === undefined) {
    yield { path: option('account_name'), what: 'is required where there is no endpoint_url' };
  }
  const { accountKey } = options;
  if (
    options.useSharedKey &&
    accountKey !== undefined &&
    (accountKey.length % 4 !== 0 || !/^[A-Za-z0-9+/]+={0,2}$/.test(accountKey))
  ) {
    yield {
      path: option('account_key'),
      what: 'not base64',
      hint: 'copy the whole key from "Access keys" of the storage account, with the = at its end',
    };
  }
  yield* checkRefresh(options, options.accountKeyFile !== undefined);
  yield* checkEndpoint(options.endpointUrl);
}

function* checkRefresh(options: S3Options | AzureOptions, usesFiles: boolean): Generator<Problem> {
  if (usesFiles && options.secretsRefreshIntervalMs < 1000) {
    yield { path: option('secrets_refresh_interval'), what: 'too short: at least 1s' };
  }
}

function* checkEndpoint(url: string | undefined): Generator<Problem> {
  if (url !== undefined && (!/^https?:\/\//.test(url) || !URL.canParse(url))) {
    yield {
      path: option('endpoint_url'),
      what: 'not an http or https URL',
      hint: 'write the scheme too: http://localhost:9000',
    };
  }
}

function* required(value: string, key: string): Generator<Problem> {
  if (value === '') yield { path: option(key), what: 'is required for this storage type' };
}
