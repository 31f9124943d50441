import { expect, it } from 'vitest';
import { useChromium } from '../support/chromium.ts';
import { freePorts } from '../support/servers/processes.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { machine, texts } from './machine.ts';

/** The status page of a real sync in a real browser. */

const open = useChromium();

it('the status page follows a running sync, and goes on after a restart of it', async () => {
  const folder = temporaryFolder();
  const [port] = await freePorts(1);
  const a = await machine(folder, 'a', { more: { http: { address: `127.0.0.1:${port}` } } });
  const b = await machine(folder, 'b');
  await a.application.put('data', 'k', '1');
  const syncer = a.start();
  await syncer.says(/Stored snapshot/);
  const { page, errors, hosts } = await open(`http://127.0.0.1:${port}/`);
  await page.locator('.plot canvas').first().waitFor();
  expect(await page.title()).toMatch(/a/);
  b.start();
  await texts(b.application, 'data', { k: '1' });
  await b.application.put('data', 'from', 'b');
  const peers = page.getByRole('table', { name: 'Peers' });
  await peers.getByRole('row', { name: /^b\b/ }).waitFor();
  await page
    .getByRole('cell', { name: 'data', exact: true })
    .or(page.getByText('_sync_shadow_data'))
    .first()
    .waitFor({ state: 'attached' });
  expect(errors).toEqual([]);
  expect([...hosts]).toEqual([`127.0.0.1:${port}`]);

  expect(await syncer.stop()).toBe(0);
  await page.getByText('No answer from lmdbstream').waitFor();
  a.start();
  await page.getByText('No answer from lmdbstream').waitFor({ state: 'hidden' });
  await b.application.put('data', 'from', 'b again');
  await texts(a.application, 'data', { k: '1', from: 'b again' });
  await peers.getByRole('row', { name: /^b\b/ }).waitFor();
  // While nobody answers the browser itself says so; nothing else was wrong.
  expect(errors.filter((error) => !error.includes('net::ERR_'))).toEqual([]);
});
