import { UsageError } from '../errors.ts';

/** The bucket as `init` is told of it. */
export type BucketPlace =
  | { readonly type: 'fs'; readonly folder: string }
  | { readonly type: 's3'; readonly bucket: string; readonly prefix: string }
  | { readonly type: 'azure'; readonly account: string; readonly container: string; readonly prefix: string };

const FORMS = 'write file:///folder, s3://bucket[/prefix] or azure://account/container[/prefix]';

/** @throws UsageError */
export function parseBucketUrl(text: string): BucketPlace {
  const [, scheme, rest = ''] = /^([a-z0-9]+):\/\/(.*)$/.exec(text) ?? [];
  const parts = rest.split('/').filter((part) => part !== '');
  const [first, second] = parts;
  if (scheme === 'file' && rest.startsWith('/') && rest.length > 1) return { type: 'fs', folder: rest };
  if (scheme === 's3' && first) return { type: 's3', bucket: first, prefix: prefixOf(parts.slice(1)) };
  if (scheme === 'azure' && first && second) {
    return { type: 'azure', account: first, container: second, prefix: prefixOf(parts.slice(2)) };
  }
  throw new UsageError(`${JSON.stringify(text)} is no bucket`, FORMS);
}

function prefixOf(parts: readonly string[]): string {
  return parts.length === 0 ? '' : `${parts.join('/')}/`;
}
