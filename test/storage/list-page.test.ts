import { describe, expect, it } from 'vitest';
import { ListPages, parseListPage } from '../../src/storage/s3/list-page.ts';

const contents = (key: string, sizeBytes = 1): string =>
  `<Contents><Key>${key}</Key><LastModified>2026-11-25T12:00:00.500Z</LastModified><ETag>&quot;e&quot;</ETag><Size>${sizeBytes}</Size></Contents>`;
const listing = (inner: string): string =>
  `<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>b</Name>${inner}</ListBucketResult>`;
const truncated = (token: string, inner: string): string =>
  listing(`<IsTruncated>true</IsTruncated><NextContinuationToken>${token}</NextContinuationToken>${inner}`);

describe('a page of a listing of S3', () => {
  it('has names, sizes, times, folders and where it goes on', () => {
    const folders =
      '<CommonPrefixes><Prefix>a/</Prefix></CommonPrefixes><CommonPrefixes><Prefix>b/</Prefix></CommonPrefixes>';
    expect(parseListPage(truncated('t&amp;1', contents('x', 12) + contents('y') + folders))).toEqual({
      objects: [
        { name: 'x', sizeBytes: 12, modifiedMs: Date.UTC(2026, 10, 25, 12, 0, 0, 500) },
        { name: 'y', sizeBytes: 1, modifiedMs: Date.UTC(2026, 10, 25, 12, 0, 0, 500) },
      ],
      folders: ['a/', 'b/'],
      isTruncated: true,
      nextToken: 't&1',
    });
    expect(parseListPage(listing(''))).toMatchObject({ objects: [], folders: [], isTruncated: false });
  });

  it('gives names as they are stored', () => {
    const page = parseListPage(listing(contents('&lt;a&gt; &amp;amp; &quot;&apos;&#10;&#x1F600; é') + contents('')));
    expect(page?.objects.map(({ name }) => name)).toEqual(['<a> &amp; "\'\n😀 é', '']);
  });

  it.each([
    ['nothing', ''],
    ['HTML', '<!doctype html><html><ListBucketResult></ListBucketResult></html>'],
    ['an error', '<?xml version="1.0"?><Error><Code>InternalError</Code></Error>'],
    ['half a page', listing(contents('x')).slice(0, -5)],
    ['half an entry', listing('<Contents><Key>x</Key>')],
    ['an entry without a name', listing('<Contents><Size>1</Size></Contents>')],
  ])('is not %s', (_, xml) => {
    expect(parseListPage(xml)).toBeUndefined();
  });

  it('is not read again while it does not change, whatever its token', () => {
    const pages = new ListPages();
    const read = (xml: string, number = 0) => pages.read('p', number, Buffer.from(xml))!;
    const first = read(truncated('t1', contents('x')));
    const second = read(truncated('t2', contents('x')));
    expect(second.objects).toBe(first.objects);
    expect(second.nextToken).toBe('t2');
    const changed = read(truncated('t2', contents('x', 2)));
    expect(changed.objects).toEqual([{ ...first.objects[0], sizeBytes: 2 }]);
    expect(read(listing(contents('z')), 1).objects[0]!.name).toBe('z');
    expect(pages.read('p', 0, Buffer.from('<html></html>'))).toBeUndefined();
    // A listing that ends sooner forgets what followed.
    expect(read(listing(contents('x'))).isTruncated).toBe(false);
  });
});
