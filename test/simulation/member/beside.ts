import { Environment, type WriteTransaction } from '../../../src/lmdb/index.ts';
import { Sidecar, type SidecarOptions, type SidecarPoint } from '../../../src/sync/local/index.ts';
import type { SyncEventBody } from '../../../src/sync/status/index.ts';
import type { Fleet } from '../fleet.ts';
import { allEntries } from '../oracle/checks.ts';
import { contentBeside } from '../oracle/content.ts';
import type { MemberModel } from '../oracle/member-model.ts';
import type { Life } from '../world/life.ts';
import { knownNano, putBackSidecar, removeSidecar, sidecarOf } from './backup.ts';
import type { Member } from './member.ts';

/** The sidecar of a member: looks at what each write to it has left, and may end there. */
export class Beside {
  readonly #folder: string;
  readonly #fleet: Fleet;
  readonly #model: MemberModel;
  readonly #member: Member;
  #sidecar: Sidecar | undefined;

  constructor(folder: string, fleet: Fleet, member: Member) {
    this.#folder = folder;
    this.#fleet = fleet;
    this.#model = member.model;
    this.#member = member;
  }

  open(options: SidecarOptions, life: Life): Sidecar {
    const sidecar = new MortalSidecar(options, life, (point) => {
      const isWhole = point === 'settled' || point === 'recorded';
      if (isWhole) this.#look(sidecar.state.txnId);
      this.#member.passed(isWhole);
    });
    this.#sidecar = sidecar;
    return sidecar;
  }

  told(event: SyncEventBody): void {
    if (event.type === 'sidecarForgotten') this.#model.forgotten();
    if (event.type === 'sidecarRebuilt') this.#model.recovered(allEntries(this.#fleet.bucket));

    if (event.type === 'captured') this.#look(event.txnId);
    // What the application made of it since is not recorded yet.
    if (event.type === 'sidecarResolved') this.#look(0);
  }

  /** Changes are recorded from now on. What was lost is recovered, or was found whole. */
  joining(): void {
    if (this.#model.isLost) this.#model.recovered(allEntries(this.#fleet.bucket));
  }

  /** What was recovered need not have been written to since. */
  beforeMerge(): void {
    if (this.#model.isRecovered) this.#look(this.#sidecar!.state.txnId);
  }

  /** The sidecar is gone, or an old copy of it is put back. @param ownNewestNano of our newest object */
  lose(ownNewestNano: bigint): void {
    const { random, trace, nowUs } = this.#fleet.world;
    // One that knows of all our objects cannot be told from the right one.
    const known = knownNano(this.#folder);
    const isOld = known > 0n && known < ownNewestNano && random.chance(0.5);
    if (isOld) putBackSidecar(this.#folder);
    else removeSidecar(this.#folder);
    this.#model.isLost = true;
    trace.add(nowUs, this.#model.name, () => `its sidecar is ${isOld ? 'an old one' : 'lost'}`);
  }

  /** The LMDB was put back; its sidecar may be, too. */
  restore(environment: Environment): void {
    if (this.#fleet.world.random.chance(0.5)) putBackSidecar(this.#folder);
    const sidecar = Environment.open(sidecarOf(this.#folder), {
      create: true,
      noSubdir: true,
      noSync: true,
      maxDbs: 64,
    });
    this.#model.reload(contentBeside(environment, sidecar, this.#model.valuesOf));
    this.#model.isLost = true;
    this.#model.isRestored = true;
    sidecar.close();
  }

  /** @param seenTxnId the transaction of the application with which the entries agree */
  #look(seenTxnId: number): void {
    if (this.#model.isLost) return;
    const content = contentBeside(this.#member.environment!, this.#sidecar!.environment, this.#model.valuesOf);
    this.#model.committed(content, seenTxnId, new Set(), seenTxnId);
  }
}

/** Nobody writes to it any more who was killed: unlike the application's LMDB it has no lock that would stop him. */
class MortalSidecar extends Sidecar {
  readonly #life: Life;

  constructor(options: SidecarOptions, life: Life, atPoint: (point: SidecarPoint) => void) {
    super({
      ...options,
      noSync: true,
      atPoint: (point) => {
        atPoint(point);
        life.assert();
      },
    });
    this.#life = life;
  }

  override write<T>(body: (transaction: WriteTransaction) => T, next: (result: T) => Partial<Sidecar['state']>): T {
    this.#life.assert();
    return super.write(body, next);
  }
}
