import { join } from 'node:path';
import { PowerDns } from '../support/application/pdns.ts';
import { Syncer, writeConfig } from './product.ts';

/** A machine of a fleet: a PowerDNS and our process beside it, which share nothing but LMDB files. */
export class PdnsMachine {
  readonly pdns: PowerDns;
  readonly #name: string;
  readonly #config: string;
  #syncer: Syncer | undefined;

  private constructor(folder: string, name: string, pdns: PowerDns) {
    this.#name = name;
    this.pdns = pdns;
    const common = { options: { no_subdir: true, create: true }, schema_tracks_changes: false, dupsort_hack: true };
    this.#config = writeConfig(folder, name, {
      lmdbs: { main: { path: pdns.mainPath, ...common }, 'shard-0': { path: pdns.shardPath, ...common } },
      bucket: join(folder, 'bucket'),
    });
  }

  /** Nothing of it runs yet, and no LMDB is there. */
  static async create(folder: string, name: string): Promise<PdnsMachine> {
    return new PdnsMachine(folder, name, await PowerDns.create(join(folder, name)));
  }

  startSyncer(): void {
    this.#syncer = new Syncer({ config: this.#config, instance: this.#name });
  }

  get syncer(): Syncer {
    return this.#syncer!;
  }

  async stop(): Promise<void> {
    if (this.#syncer?.isRunning) await this.#syncer.kill();
    await this.pdns.stop();
  }
}
