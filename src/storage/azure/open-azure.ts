import { ContainerClient, type StoragePipelineOptions, StorageSharedKeyCredential } from '@azure/storage-blob';
import { type Agents, createAgents } from '../bucket/agents.ts';
import { BucketClock } from '../bucket/bucket-clock.ts';
import { CallRunner } from '../bucket/call.ts';
import { KeyFile } from '../bucket/key-file.ts';
import { openBucketStorage } from '../bucket/open-bucket.ts';
import type { OpenContext } from '../context.ts';
import type { AzureOptions } from '../options.ts';
import type { ObjectStorage } from '../types.ts';
import { checkHead } from './azure-answers.ts';
import { AzureBucket } from './azure-bucket.ts';
import { azureFailure } from './azure-errors.ts';
import { azureContainerUrl, checkAzureOptions } from './azure-options.ts';

/** @throws AzureOptionsError, StorageError when files cannot be read or the container cannot be made. */
export async function openAzure(options: AzureOptions, context: OpenContext): Promise<ObjectStorage> {
  checkAzureOptions(options);
  const agents = await createAgents(options, context.log);
  const clock = new BucketClock(context.now);
  const bucket = new AzureBucket(
    new CallRunner(options.clientTimeoutMs, azureFailure, (head) => {
      clock.answered(head.header('date'));
      checkHead(head);
    }),
    { client: await clientOf(options, agents, context), concurrency: options.concurrency || 1, clock },
    agents.close,
  );
  return openBucketStorage(bucket, options, context, {
    create: options.createContainer ? 'create-container' : undefined,
    folders: 'show',
  });
}

async function clientOf(
  options: AzureOptions,
  agents: Agents,
  { log, now }: OpenContext,
): Promise<() => Promise<ContainerClient>> {
  const url = azureContainerUrl(options);
  const pipeline = pipelineOf(url.startsWith('https:') ? agents.https : agents.http);
  const { accountName, accountKey, accountKeyFile } = options;
  if (!options.useSharedKey) {
    if (accountKey || accountKeyFile) log.warn('account_key is not used without use_shared_key: true');
    const { DefaultAzureCredential } = await import('@azure/identity');
    const client = new ContainerClient(url, new DefaultAzureCredential(), pipeline);
    return async () => client;
  }
  const withKey = (key: string): ContainerClient =>
    new ContainerClient(url, new StorageSharedKeyCredential(accountName!, key), pipeline);
  if (!accountKeyFile) {
    const client = withKey(accountKey!);
    return async () => client;
  }
  // Better: the reference reads the file once and never again (W21).
  const file = new KeyFile(accountKeyFile, options.secretsRefreshIntervalMs, { now, log });
  let current: { readonly key: string; readonly client: ContainerClient } | undefined;
  return async () => {
    const key = await file.value();
    if (current?.key !== key) current = { key, client: withKey(key) };
    return current.client;
  };
}

function pipelineOf(agent: Agents['http']): StoragePipelineOptions {
  // `agent` is an option of the pipeline underneath, which is handed on though this type does not name it.
  const options: StoragePipelineOptions & { readonly agent: Agents['http'] } = {
    agent,
    // One attempt: trying again is above all backends, with the configured interval and count.
    retryOptions: { maxTries: 1 },
  };
  return options;
}
