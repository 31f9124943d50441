import { above, notNegative, type Problem } from './rules.ts';
import type { EventsConfig } from './types.ts';

/** A Unix socket's path has 107 bytes at most (`sun_path`). */
const LONGEST_SOCKET_PATH = 107;

const at = (...keys: string[]): string[] => ['events', ...keys];

/** Whom to tell what changed. Files are looked at when a sync starts: another command may not be allowed to read them. */
export function* checkEvents({ maxKeys, exec, webhook, socket, powerdns }: EventsConfig): Generator<Problem> {
  yield* notNegative(maxKeys, at('max_keys'));
  yield* above(0, exec.timeoutMs, at('exec', 'timeout'));
  yield* above(0, webhook.timeoutMs, at('webhook', 'timeout'));
  yield* above(0, powerdns.timeoutMs, at('powerdns', 'timeout'));
  if (exec.command[0] === '') yield { path: at('exec', 'command'), what: 'the name of the program is empty' };
  yield* checkUrl(webhook.url, at('webhook', 'url'));
  if (webhook.secretFile !== undefined && webhook.url === '')
    yield { path: at('webhook', 'secret_file'), what: 'needs webhook.url' };
  if (Buffer.byteLength(socket.path) > LONGEST_SOCKET_PATH) {
    const hint = 'choose a shorter one, such as /run/lmdbstream/events.sock';
    yield { path: at('socket', 'path'), what: `longer than ${LONGEST_SOCKET_PATH} bytes`, hint };
  }
  yield* checkPowerDns(powerdns);
}

function* checkPowerDns({ apiUrl, apiKeyFile, controlSocket, notify }: EventsConfig['powerdns']): Generator<Problem> {
  yield* checkUrl(apiUrl, at('powerdns', 'api_url'));
  if (apiUrl !== '' && controlSocket !== '') {
    const hint = 'both flush the same caches: keep one of the two';
    yield { path: at('powerdns', 'control_socket'), what: 'cannot be used together with api_url', hint };
  }
  if (apiUrl !== '' && apiKeyFile === undefined) {
    yield { path: at('powerdns', 'api_key_file'), what: 'is missing', hint: 'a file with the api-key of pdns.conf' };
  }
  if (apiUrl === '' && apiKeyFile !== undefined)
    yield { path: at('powerdns', 'api_url'), what: 'is missing: there is an api_key_file' };
  if (notify && apiUrl === '' && controlSocket === '')
    yield { path: at('powerdns', 'notify'), what: 'needs api_url or control_socket' };
}

/** Not repeated in messages: it may hold a password. */
function* checkUrl(url: string, path: readonly string[]): Generator<Problem> {
  if (url === '') return;
  if (!/^https?:\/\//.test(url) || !URL.canParse(url)) {
    yield { path, what: 'not an http or https URL', hint: 'write the scheme too: http://localhost:8081' };
    return;
  }
  const { username, password } = new URL(url);
  if (username !== '' || password !== '')
    yield { path, what: 'must not hold a user name or password', hint: 'use the file with the secret instead' };
}
