import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';

export interface Asset {
  readonly contentType: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly etag: string;
}

const CONTENT_TYPES = { 'page.js': 'text/javascript; charset=utf-8', 'page.css': 'text/css; charset=utf-8' } as const;

/**
 * Script and style of the status page, as `npm run build` made them. One that is missing is left out: the page is
 * readable without.
 */
export async function loadAssets(folder: URL): Promise<ReadonlyMap<string, Asset>> {
  const assets = new Map<string, Asset>();
  for (const [name, contentType] of Object.entries(CONTENT_TYPES)) {
    const bytes = await readFile(new URL(name, folder)).catch(() => undefined);
    if (bytes === undefined) continue;
    const etag = `"${createHash('sha256').update(bytes).digest('base64url')}"`;
    assets.set(name, { contentType, bytes: new Uint8Array(bytes), etag });
  }
  return assets;
}
