const UNITS = ['B', 'KB', 'MB', 'GB', 'TB', 'PB', 'EB'] as const;

/**
 * `4.0 KB`, `1.5 GB`, `1024 B`: powers of 1024, one digit, and the next unit only for *more* than one of it, as the
 * reference prints sizes.
 */
export function formatSize(sizeBytes: number): string {
  let power = 0;
  while (power < UNITS.length - 1 && sizeBytes > 1024 ** (power + 1)) power++;
  return power === 0 ? `${sizeBytes} B` : `${(sizeBytes / 1024 ** power).toFixed(1)} ${UNITS[power]}`;
}
