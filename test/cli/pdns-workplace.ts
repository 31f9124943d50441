import { join } from 'node:path';
import { expect } from 'vitest';
import { copyPdnsFiles } from '../support/pdns-files.ts';
import type { Workplace } from './harness.ts';

/** A configuration made by `init` for files of a real PowerDNS. */
export async function initFor(place: Workplace, name: string): Promise<{ main: string; config: string }> {
  const main = copyPdnsFiles(name, join(place.folder, 'pdns'));
  const config = join(place.folder, 'made.yaml');
  const words = ['init', main, '--bucket', `file://${place.bucket}`, '-o', config, '-i', 'local'];
  expect(await place.run(words)).toMatchObject({ code: 0, stderr: '' });
  return { main, config };
}

/** Key of the index `domains_v5_0`. @param name labels in reverse, each with its zero byte */
export function zoneKey(name: string, id: number): Buffer {
  const key = Buffer.alloc(2 + name.length + 4);
  key.writeUInt16BE(name.length);
  key.write(name, 2, 'latin1');
  key.writeUInt32BE(id, 2 + name.length);
  return key;
}
