import { describe, expect, it } from 'vitest';
import { formatConfig, redactConfig } from '../../src/config/index.ts';
import { parse, parseWith, problemOf } from './support.ts';

describe('events', () => {
  it('are told to nobody by default', () => {
    const { events } = parseWith('');
    expect(events).toMatchObject({
      maxKeys: 10_000,
      exec: { command: [] },
      webhook: { url: '' },
      socket: { path: '' },
    });
    expect(events.powerdns).toMatchObject({ apiUrl: '', controlSocket: '', notify: false, timeoutMs: 5000 });
  });

  it.each([
    ['{max_keys: -1}', 'events.max_keys', /negative/],
    ['{exec: {command: /bin/true}}', 'events.exec.command', /list of texts/],
    ['{exec: {command: ["", x]}}', 'events.exec.command', /empty/],
    ['{exec: {timeout: 0s}}', 'events.exec.timeout', /above 0/],
    ['{webhook: {url: "user:s3cret@host"}}', 'events.webhook.url', /^(?!.*s3cret).*not an http or https URL/s],
    ['{webhook: {url: "http://user:s3cret@h/"}}', 'events.webhook.url', /^(?!.*s3cret).*must not hold a user name/s],
    ['{webhook: {secret_file: /s}}', 'events.webhook.secret_file', /needs webhook.url/],
    [`{socket: {path: /${'x'.repeat(107)}}}`, 'events.socket.path', /longer than 107 bytes/],
    [
      '{powerdns: {api_url: "http://h:1", api_key_file: /k, control_socket: /s}}',
      'events.powerdns.control_socket',
      /together with api_url.*keep one/,
    ],
    ['{powerdns: {api_url: "http://h:1"}}', 'events.powerdns.api_key_file', /missing/],
    ['{powerdns: {api_key_file: /k}}', 'events.powerdns.api_url', /missing/],
    ['{powerdns: {api_url: "localhost:8081", api_key_file: /k}}', 'events.powerdns.api_url', /http:\/\//],
    ['{powerdns: {notify: true}}', 'events.powerdns.notify', /needs api_url or control_socket/],
    ['{powerdns: {timeout: 0s}}', 'events.powerdns.timeout', /above 0/],
    ['{powerdns: {socket: /s}}', 'events.powerdns.socket', /unknown key/],
  ])('%s is refused', (value, key, what) => {
    const problem = problemOf(() => parseWith(`events: ${value}`));
    expect(problem.key).toBe(key);
    expect(`${problem.message} (${problem.hint})`).toMatch(what);
  });

  it('a log never shows the path of a webhook, and what was formatted can be loaded again', () => {
    const config = parseWith('events: {webhook: {url: "https://h/s3cret?t=s3cret", secret_file: /etc/hook}}');
    const text = redactConfig(config);
    expect(text).not.toContain('s3cret');
    expect(text).toContain('https://h/***');
    expect(text).toContain('/etc/hook');
    expect(parse(formatConfig(config)).events).toEqual(config.events);
  });
});
