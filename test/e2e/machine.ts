import { join } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import { Application, type ApplicationOptions } from '../support/application/application.ts';
import { eventually } from '../support/eventually.ts';
import { type LmdbSetup, type Setup, Syncer, type SyncerOptions, writeConfig } from './product.ts';

export const MIB = 2 ** 20;

export interface MachineOptions extends ApplicationOptions {
  lmdb?: Partial<LmdbSetup>;
  more?: Setup['more'];
  wrapper?: readonly string[];
}

/** An application on its own LMDB, and the product beside it. */
export interface Machine {
  application: Application;
  path: string;
  config: string;
  start(more?: Partial<SyncerOptions>): Syncer;
}

/** An application with a new LMDB, and the configuration of the product beside it; both end with the test. */
export async function machine(folder: string, name: string, options: MachineOptions = {}): Promise<Machine> {
  const { lmdb = {}, more = {}, wrapper = [], ...opening } = options;
  const path = join(folder, `${name}.lmdb`);
  const application = await Application.start(path, { noSubdir: true, mapSizeBytes: 8 * MIB, sync: false, ...opening });
  onTestFinished(() => application.kill());
  const setup = { path, options: { no_subdir: true }, ...lmdb };
  const config = writeConfig(folder, name, { lmdbs: { main: setup }, bucket: join(folder, 'bucket'), more });
  const start = (more: Partial<SyncerOptions> = {}) => {
    const syncer = new Syncer({ config, instance: name, wrapper, ...more });
    onTestFinished(async ({ task }) => {
      await syncer.kill();
      if (task.result?.state === 'fail') process.stderr.write(`--- ${name}\n${syncer.output.slice(-5_000)}\n`);
    });
    return syncer;
  };
  return { application, path, config, start };
}

/** Waits until a DBI of text has exactly these pairs. */
export const texts = (application: Application, dbi: string, expected: Record<string, string>): Promise<void> =>
  eventually(async () => expect(await application.texts(dbi)).toEqual(expected), { what: JSON.stringify(expected) });
