import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, onTestFinished } from 'vitest';

const FLAGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];
export interface OpenedPage {
  readonly page: Page;
  /** Errors of the console and the page, violations of the policy among them. */
  readonly errors: string[];
  readonly hosts: Set<string>;
}

export type OpenPage = (url: string, options?: Parameters<Browser['newContext']>[0]) => Promise<OpenedPage>;

/** Debian's Chromium, for all tests of the file. @returns opens a page, which is closed with its test */
export function useChromium(): OpenPage {
  let browser: Browser;
  beforeAll(async () => {
    browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: FLAGS });
  });
  afterAll(() => browser?.close());
  return async (url, options = {}) => {
    const context = await browser.newContext({ viewport: { width: 1320, height: 1000 }, ...options });
    onTestFinished(() => context.close());
    const page = await context.newPage();
    const errors: string[] = [];
    const hosts = new Set<string>();
    page.on('console', (message) => void (message.type() === 'error' && errors.push(message.text())));
    page.on('pageerror', (error) => void errors.push(error.message));
    page.on('request', (request) => void (request.url().startsWith('data:') || hosts.add(new URL(request.url()).host)));
    await page.goto(url);
    return { page, errors, hosts };
  };
}
