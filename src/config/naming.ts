/**
 * The one rule between the file and the code: the file says `lmdb_poll_interval`, the code says `lmdbPollIntervalMs`.
 * Units are in the value there and in the name here.
 */
export function fileKey(name: string): string {
  return name
    .replace(/(?:Ms|Bytes)$/, '')
    .replace(/(?<=[a-z0-9])[A-Z]/g, '_$&')
    .toLowerCase();
}
