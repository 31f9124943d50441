import { join } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import { Environment, type EnvironmentOptions } from '../../src/lmdb/index.ts';
import { Application, type ApplicationOptions } from '../support/application/application.ts';
import { temporaryFolder } from '../support/temporary.ts';

export const MIB = 2 ** 20;
export const bytes = (text: string): Buffer => Buffer.from(text);

/** Where an LMDB of the running test lives; nothing is there yet. */
export function lmdbPath(): string {
  return join(temporaryFolder(), 'db');
}

/** Opens an environment that the test closes, and that must be free of leaks then: no transaction, no reader of ours. */
export function openEnvironment(path = lmdbPath(), options: EnvironmentOptions = {}): Environment {
  const env = Environment.open(path, { create: true, mapSizeBytes: MIB, noSync: true, ...options });
  onTestFinished(() => {
    if (!env.isOpen) return;
    expect.soft(env.openTransactions, 'open transactions').toBe(0);
    expect.soft(ownReaders(env), 'own readers').toEqual([]);
    env.close();
  });
  return env;
}

/** Transaction ids of the readers that this process holds in the lock table. */
export function ownReaders(env: Environment): (number | undefined)[] {
  return env
    .readers()
    .filter(({ pid, txnId }) => pid === process.pid && txnId !== undefined)
    .map(({ txnId }) => txnId);
}

/** A second process on the same LMDB, ended with the test. */
export async function startApplication(path: string, options: ApplicationOptions = {}): Promise<Application> {
  const application = await Application.start();
  onTestFinished(() => application.kill());
  await application.open(path, { mapSizeBytes: MIB, sync: false, ...options });
  return application;
}

/** Every pair of a DBI as text, in LMDB's order. */
export function pairsOf(env: Environment, name: string): [string, string][] {
  return env.read((transaction) => {
    const cursor = transaction.cursor(transaction.openDbi(name)!);
    const pairs: [string, string][] = [];
    while (cursor.next()) pairs.push([cursor.key().toString(), cursor.value().toString()]);
    return pairs;
  });
}
