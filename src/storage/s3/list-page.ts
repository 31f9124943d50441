import { createHash } from 'node:crypto';
import type { ObjectInfo } from '../types.ts';

/** One answer to ListObjectsV2. */
export interface ListPage {
  readonly objects: readonly ObjectInfo[];
  /** Of a listing with a delimiter: `CommonPrefixes`. */
  readonly folders: readonly string[];
  readonly isTruncated: boolean;
  readonly nextToken: string | undefined;
}

const ROOT = /^\uFEFF?\s*(?:<\?xml[^>]*\?>\s*)?<ListBucketResult[\s>]/;
const END = /<\/ListBucketResult>\s*$/;

/**
 * Reads the answer by its tags: a whole XML parser takes ten times as long, and this is done every second. The schema
 * is AWS's, which all vendors follow without namespace prefixes.
 * @returns undefined when it is no listing, or not a whole one
 */
export function parseListPage(xml: string): ListPage | undefined {
  if (!ROOT.test(xml) || !END.test(xml.slice(-100))) return undefined;
  const objects: ObjectInfo[] = [];
  let at = 0;
  for (;;) {
    const start = xml.indexOf('<Contents>', at);
    if (start < 0) break;
    const end = xml.indexOf('</Contents>', start);
    if (end < 0) return undefined;
    const name = textOf(xml, 'Key', start, end);
    if (name === undefined) return undefined;
    const modifiedMs = Date.parse(textOf(xml, 'LastModified', start, end) ?? '');
    objects.push({
      name,
      sizeBytes: Number(textOf(xml, 'Size', start, end) ?? 0),
      modifiedMs: Number.isNaN(modifiedMs) ? undefined : modifiedMs,
    });
    at = end;
  }
  const outside = objects.length === 0 ? xml : xml.slice(0, xml.indexOf('<Contents>')) + xml.slice(at);
  const folders: string[] = [];
  for (let from = 0; ; ) {
    const start = outside.indexOf('<CommonPrefixes>', from);
    if (start < 0) break;
    const end = outside.indexOf('</CommonPrefixes>', start);
    if (end < 0) return undefined;
    for (let inside = start; ; ) {
      const folder = textOf(outside, 'Prefix', inside, end);
      if (folder === undefined) break;
      folders.push(folder);
      inside = outside.indexOf('</Prefix>', inside) + 1;
    }
    from = end;
  }
  return {
    objects,
    folders,
    isTruncated: textOf(outside, 'IsTruncated', 0, outside.length)?.trim() === 'true',
    nextToken: textOf(outside, 'NextContinuationToken', 0, outside.length),
  };
}

/** The text of the first `<tag>` between `start` and `end`. */
function textOf(xml: string, tag: string, start: number, end: number): string | undefined {
  const opening = `<${tag}>`;
  const open = xml.indexOf(opening, start);
  if (open < 0 || open >= end) return undefined;
  const from = open + opening.length;
  const close = xml.indexOf(`</${tag}>`, from);
  if (close < 0 || close > end) return undefined;
  const text = xml.slice(from, close);
  return text.includes('&') ? text.replace(ENTITY, decodeEntity) : text;
}

const ENTITY = /&(?:#x([0-9a-fA-F]{1,6})|#([0-9]{1,7})|(amp|lt|gt|quot|apos));/g;
const NAMED: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

function decodeEntity(entity: string, hex?: string, decimal?: string, name?: string): string {
  if (name !== undefined) return NAMED[name]!;
  const code = hex === undefined ? Number(decimal) : Number.parseInt(hex, 16);
  return code <= 0x10ffff ? String.fromCodePoint(code) : entity;
}

/** Tokens differ in every answer, also where nothing changed. */
const TOKENS = ['ContinuationToken', 'NextContinuationToken'] as const;

interface KnownPage {
  readonly digest: string;
  readonly page: ListPage;
}

/** The pages of the last listing of each prefix: one whose bytes did not change is not read again. */
export class ListPages {
  readonly #known = new Map<string, KnownPage[]>();

  /** `number`: of the page in its listing, from 0. @returns undefined when it is no listing */
  read(prefix: string, number: number, body: Buffer): ListPage | undefined {
    const digest = digestOf(body);
    const pages = this.#known.get(prefix) ?? [];
    const known = pages[number];
    if (known?.digest === digest) {
      const token = known.page.isTruncated ? tokenOf(body) : undefined;
      return token === known.page.nextToken ? known.page : { ...known.page, nextToken: token };
    }
    const page = parseListPage(body.toString());
    if (page === undefined) return undefined;
    // What follows the last page is of an older, longer listing.
    pages.length = Math.min(pages.length, page.isTruncated ? pages.length : number + 1);
    pages[number] = { digest, page };
    if (page.objects.length > 0 || number > 0) this.#known.set(prefix, pages);
    else this.#known.delete(prefix);
    return page;
  }
}

function tokenOf(body: Buffer): string | undefined {
  const start = body.indexOf('<NextContinuationToken>');
  if (start < 0) return undefined;
  const end = body.indexOf('</NextContinuationToken>', start);
  const element = body.toString('utf8', start, end < 0 ? body.length : end + '</NextContinuationToken>'.length);
  return textOf(element, 'NextContinuationToken', 0, element.length);
}

function digestOf(body: Buffer): string {
  const cuts = TOKENS.map((tag) => [body.indexOf(`<${tag}>`), body.indexOf(`</${tag}>`)] as const)
    .filter(([start, end]) => start >= 0 && end > start)
    .sort(([a], [b]) => a - b);
  const hash = createHash('sha1');
  let at = 0;
  for (const [start, end] of cuts) {
    hash.update(body.subarray(at, start));
    at = end;
  }
  return hash.update(body.subarray(at)).digest('base64');
}
