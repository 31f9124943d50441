import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { silentLog } from '../../src/log/index.ts';
import { type RunningServer, startServer } from '../../src/server/index.ts';
import { useChromium } from '../support/chromium.ts';
import { postDemoFleet } from './demo-fleet.ts';
import { configOf, errorOf, FakeSource, NOW_MS } from './fake-source.ts';

/** The page in a real browser, Debian's Chromium. `SCREENSHOTS=folder` also leaves pictures there. */

const root = join(import.meta.dirname, '../..');
const folder = mkdtempSync(join(tmpdir(), 'lmdbstream-page-'));
const { SCREENSHOTS: pictures } = process.env;

const open = useChromium();

beforeAll(() => {
  execFileSync(process.execPath, ['scripts/build-page.mjs', join(folder, 'assets')], { cwd: root });
});

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

const start = async (source: FakeSource, address = '127.0.0.1:0'): Promise<RunningServer> => {
  // Started three days ago.
  let questions = 0;
  const server = await startServer({
    config: { ...configOf(), instance: 'here', http: { address } },
    source,
    version: '1.2.3',
    log: silentLog,
    now: () => (questions++ === 0 ? NOW_MS - 3 * 86_400_000 : NOW_MS),
    assetsFolder: pathToFileURL(join(folder, 'assets/')),
  });
  onTestFinished(() => server.close());
  return server;
};

describe('the status page in Chromium', () => {
  it.each(['light', 'dark'] as const)(
    'shows a fleet, %s, without an error or a request to another host',
    async (colorScheme) => {
      const source = new FakeSource(['main', 'shard-0']);
      const { url } = await start(source);
      postDemoFleet(source, NOW_MS);
      const { page, errors, hosts } = await open(url, { colorScheme });
      await page.locator('.plot canvas').nth(5).waitFor();
      expect(await page.locator('.plot canvas').count()).toBe(6);
      expect(await page.getByRole('table', { name: 'Peers' }).first().getByRole('row').count()).toBe(4);
      const background = await page.evaluate('getComputedStyle(document.body).backgroundColor');
      expect(background).toBe(colorScheme === 'light' ? 'rgb(245, 246, 248)' : 'rgb(15, 19, 24)');
      if (pictures) {
        const picture = await page.screenshot();
        writeFileSync(join(pictures, `status-page-${colorScheme}.png`), picture);
      }
      expect(errors).toEqual([]);
      expect([...hosts]).toEqual([new URL(url).host]);
    },
  );

  it('is complete without script', async () => {
    const source = new FakeSource(['main']);
    const { url } = await start(source);
    postDemoFleet(source, NOW_MS);
    const { page } = await open(url, { javaScriptEnabled: false });
    expect(await page.getByRole('row').count()).toBe(2 + 4 + 5);
    await page.getByText('was refused: the gzip stream ends early').waitFor();
    await page
      .getByText(/recorded, \d+ merged/)
      .first()
      .waitFor();
  });

  it('has a name for everything that is not text, and headings in order', async () => {
    const source = new FakeSource(['main']);
    const { url } = await start(source);
    postDemoFleet(source, NOW_MS);
    const { page } = await open(url);
    await page.locator('.plot canvas').nth(2).waitFor();
    expect(await page.getByRole('img', { name: /of main in the last hour: / }).count()).toBe(3);
    expect(await page.getByRole('navigation', { name: 'Other answers of this server' }).count()).toBe(1);
    const levels = await page.locator('h1, h2, h3').evaluateAll((found) => found.map((one) => Number(one.tagName[1])));
    expect(levels[0]).toBe(1);
    for (const [index, level] of levels.slice(1).entries()) expect(level - levels[index]!).toBeLessThanOrEqual(1);
    expect(await page.locator('html').getAttribute('lang')).toBe('en');
  });

  it('updates by itself, keeps what the reader opened or closed, and never runs markup from the bucket', async () => {
    const source = new FakeSource(['main']);
    const { url } = await start(source);
    const { page, errors } = await open(url);
    await page.locator('.plot canvas').first().waitFor();
    await page.locator('summary').click();
    source.post({ type: 'phase', phase: 'running' });
    source.post({ type: 'localChange', entries: 4321, txnId: 1 });
    source.post({ type: 'error', error: errorOf('<img src=x onerror="window.hacked=1">') });
    await page.getByRole('cell', { name: '4,321' }).waitFor();
    expect(await page.locator('details').getAttribute('open')).toBeNull();
    await page.locator('summary').click();
    await page.getByText('<img src=x onerror="window.hacked=1">').waitFor();
    expect(await page.locator('main img').count()).toBe(0);
    expect(errors).toEqual([]);
  });

  it('says when nobody answers, and goes on when the server is back', async () => {
    const source = new FakeSource(['main']);
    const first = await start(source);
    const { page } = await open(first.url);
    await page.locator('.plot canvas').first().waitFor();
    await first.close();
    await page.getByText('No answer from lmdbstream').waitFor();
    await start(source, new URL(first.url).host);
    source.post({ type: 'localChange', entries: 777, txnId: 1 });
    await page.getByRole('cell', { name: '777' }).waitFor();
    expect(await page.locator('#connection').isHidden()).toBe(true);
  });
});
