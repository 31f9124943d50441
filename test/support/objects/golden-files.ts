import { chmodSync, copyFileSync } from 'node:fs';

/** A writable copy of a golden file: a checkout may be read-only, and `copyFileSync` copies the mode. */
export function copyGoldenFile(from: string, to: string): void {
  copyFileSync(from, to);
  chmodSync(to, 0o644);
}
