import type { Environment, WriteTransaction } from '../../../src/lmdb/index.ts';
import { Sidecar, type SidecarOptions, type SidecarPoint } from '../../../src/sync/local/index.ts';
import { contentBeside } from '../oracle/content.ts';
import type { MemberModel } from '../oracle/member-model.ts';
import type { Life } from '../world/life.ts';

/** The sidecar of a member: looks at what each write to it has left, and may end there. */
export class Beside {
  readonly #model: MemberModel;
  readonly #environment: () => Environment;
  readonly #passed: (isWhole: boolean) => void;
  #sidecar: Sidecar | undefined;

  /** @param passed told of every point, and whether a write is whole there */
  constructor(model: MemberModel, environment: () => Environment, passed: (isWhole: boolean) => void) {
    this.#model = model;
    this.#environment = environment;
    this.#passed = passed;
  }

  open(options: SidecarOptions, life: Life): Sidecar {
    const sidecar = new MortalSidecar(options, life, (point) => {
      const isWhole = point === 'settled' || point === 'recorded';
      if (isWhole) this.#look(sidecar.state.txnId);
      this.#passed(isWhole);
    });
    this.#sidecar = sidecar;
    return sidecar;
  }

  told(event: { readonly type: string; readonly txnId?: number }): void {
    if (event.type === 'captured') this.#look(event.txnId!);
    // What the application made of it since is not recorded yet.
    if (event.type === 'sidecarResolved') this.#look(0);
  }

  /** @param seenTxnId the transaction of the application with which the entries agree */
  #look(seenTxnId: number): void {
    const content = contentBeside(this.#environment(), this.#sidecar!.environment, this.#model.valuesOf);
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
