import { checkBucketOptions, checkEndpoint } from '../bucket/checks.ts';
import { AzureOptionsError } from '../errors.ts';
import type { AzureOptions } from '../options.ts';

/** @throws AzureOptionsError. Contacts nothing and reads no file. */
export function checkAzureOptions(options: AzureOptions): void {
  if (!options.container) throw new AzureOptionsError('container', 'container is required');
  if (!options.endpointUrl && !options.accountName) {
    throw new AzureOptionsError('account_name', 'account_name is required if endpoint_url is not set');
  }
  if (options.useSharedKey && !(options.accountName && (options.accountKey || options.accountKeyFile))) {
    throw new AzureOptionsError(
      'use_shared_key',
      'account_name and either account_key or account_key_file are required when use_shared_key is true',
    );
  }
  if (options.useSharedKey && options.accountKey && !isBase64(options.accountKey)) {
    throw new AzureOptionsError('account_key', 'account_key is not base64', KEY_HINT);
  }
  checkBucketOptions(options, Boolean(options.accountKeyFile), AzureOptionsError);
  checkEndpoint(options.endpointUrl, 'Azure', AzureOptionsError);
  if (!options.useSharedKey && options.endpointUrl?.toLowerCase().startsWith('http:')) {
    throw new AzureOptionsError(
      'endpoint_url',
      'a token must not be sent without TLS: use an https endpoint_url, or use_shared_key: true',
    );
  }
  const { concurrency } = options;
  if (concurrency !== undefined && !(concurrency >= 0 && Number.isInteger(concurrency))) {
    throw new AzureOptionsError('concurrency', 'concurrency must be a whole number, 0 for the default');
  }
}

const KEY_HINT = 'copy the whole key from "Access keys" of the storage account, with the = at its end';

/** The library decodes the key without a check; half of it would only be denied. */
function isBase64(text: string): boolean {
  return text.length % 4 === 0 && /^[A-Za-z0-9+/]+={0,2}$/.test(text);
}

export function azureContainerUrl({ endpointUrl, accountName, container }: AzureOptions): string {
  const account = endpointUrl || `https://${accountName}.blob.core.windows.net`;
  return `${account.replace(/\/+$/, '')}/${encodeURIComponent(container)}`;
}
