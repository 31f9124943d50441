import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Member } from './member/member.ts';
import { type Context, checkDeleted } from './oracle/checks.ts';
import { isAtLeast } from './oracle/entry.ts';
import { Ledger } from './oracle/ledger.ts';
import { chainOf, type KnownObject } from './oracle/objects.ts';
import type { MemberSettings, Scenario } from './scenario.ts';
import { Bucket, garbage, type Stored } from './world/bucket.ts';
import type { World } from './world/world.ts';

const NANO_PER_MS = 1_000_000n;
/** A database in memory, where the system has one. */
const MEMORY_FOLDER = '/dev/shm';

/** The machines, their bucket, and what is known of both. */
export class Fleet {
  readonly scenario: Scenario;
  readonly world: World;
  readonly ledger = new Ledger();
  readonly bucket: Bucket;
  readonly members: Member[];
  /** Everything that ever was in the bucket, by name. */
  readonly knownObjects = new Map<string, KnownObject>();
  /** Of those all that came in the order of their times. */
  readonly inOrder: KnownObject[] = [];
  /** Who ends now does not come back. */
  isEnding = false;
  readonly #folder: string;
  readonly #newestNano = new Map<string, bigint>();
  #isQuiet = false;
  #garbage = 0;

  constructor(scenario: Scenario, world: World) {
    this.scenario = scenario;
    this.world = world;
    this.#folder = mkdtempSync(join(memoryFolder(), 'lmdbstream-simulation-'));
    this.bucket = new Bucket(
      world,
      { ...scenario.bucket },
      {
        stored: (object) => this.#stored(object),
        deleted: (object, by) => checkDeleted(object, by, this.context),
      },
    );
    this.members = scenario.members.map((settings) => new Member(this, settings, this.#folder));
  }

  get context(): Context {
    const { bucket, ledger, forgottenBeforeNano, world } = this;
    return { bucket, ledger, forgottenBeforeNano, violated: (invariant, text) => world.violated(invariant, text) };
  }

  /** Deletions from before it need not be remembered: by the clock that is most ahead, and a little more. */
  get forgottenBeforeNano(): bigint {
    const { retentionMs } = this.scenario;
    if (retentionMs === undefined) return 0n;
    const now = this.members.reduce((latest, { clock }) => (clock.nano > latest ? clock.nano : latest), 0n);
    return now - (BigInt(retentionMs) * NANO_PER_MS * 95n) / 100n;
  }

  #stored({ known }: Stored): void {
    if (!known || this.knownObjects.has(known.name.full)) return;
    const { instanceId, timestampNano, full } = known.name;
    known.epoch = this.members.find(({ name }) => name === instanceId)?.model.epoch ?? 0;
    this.knownObjects.set(full, known);
    const newest = this.#newestNano.get(instanceId) ?? -1n;
    if (timestampNano <= newest && known.name.level === 0) return;
    if (timestampNano > newest) this.#newestNano.set(instanceId, timestampNano);
    this.inOrder.push(known);
  }

  /** Objects under a name that its last listing showed, and that are still there. */
  ownShown(name: string): KnownObject[] {
    const shown = this.bucket.shown.get(name) ?? [];
    return shown.flatMap((full) => {
      const known = this.bucket.get(full)?.known;
      return known?.name.instanceId === name ? [known] : [];
    });
  }

  /** A machine more, with nothing on it. */
  join(settings: MemberSettings): Member {
    const member = new Member(this, settings, this.#folder);
    this.members.push(member);
    return member;
  }

  /** The process is gone, and comes back after a while. */
  buried(member: Member): void {
    if (this.isEnding) return;
    this.comeBack(member, this.#isQuiet ? 1 : this.world.random.between(1, 20_000));
  }

  comeBack(member: Member, afterMs: number): void {
    this.world.at(afterMs, () => {
      if (member.state !== 'down' || this.isEnding) return;
      if (!this.#isQuiet && this.scenario.restore > 0) this.#mayRestore(member);
      member.start();
    });
  }

  #mayRestore(member: Member): void {
    const { random } = this.world;
    // A sidecar may be lost whatever the application has written since.
    if (this.scenario.store === 'sidecar' && random.chance(this.scenario.restore * 10)) this.#mayLoseSidecar(member);
    // What nobody else has would be lost with the disk.
    else if (random.chance(this.scenario.restore * 25) && this.#isAllPublished(member)) {
      member.restore();
      // The application writes while what was lost is being fetched: that must not go out before (I5).
      for (let count = random.below(4); count > 0; count--)
        this.world.at(random.between(1, 250), () => member.isQuiet || member.write());
    } else if (random.chance(0.5)) member.backUp();
  }

  #mayLoseSidecar(member: Member): void {
    const own = [...this.knownObjects.values()].filter(({ name }) => name.instanceId === member.name);
    const newest = own.toSorted((a, b) => (a.name.timestampNano < b.name.timestampNano ? 1 : -1))[0];
    // An LMDB that was restored, and has passed what an earlier one has published, cannot be told from one that goes on.
    if (newest?.epoch !== member.model.epoch || !this.bucket.get(newest.name.full)) return;
    if (!member.model.isFirstMigration && this.#isRecordedPublished(member)) {
      member.beside?.lose(newest.name.timestampNano);
    }
  }

  #isAllPublished(member: Member): boolean {
    return member.model.pendingIds.length === 0 && this.#isRecordedPublished(member);
  }

  #isRecordedPublished({ name, model }: Member): boolean {
    const own: KnownObject[] = [];
    for (const { known } of this.bucket.present) if (known?.name.instanceId === name) own.push(known);
    const { entries } = chainOf(own);
    return [...model.local].every(([id, { entry }]) => isAtLeast(entries.get(id), entry));
  }

  addGarbage(): void {
    const { world, bucket } = this;
    const nano = String(++this.#garbage).padStart(9, '0');
    const time = `20${23 + world.random.below(4)}1115-000000-${nano}`;
    bucket.put(`main__${world.random.pick(['ghost', 'i0'])}__${time}__GX.pb.gz`, garbage(world), false);
  }

  /** From now on nothing goes wrong any more, and nobody writes. */
  quieten(): void {
    this.#isQuiet = true;
    this.bucket.heal();
    for (const member of this.members) {
      member.isQuiet = true;
      member.clock.strobeNano = 0n;
      if (member.state === 'down') member.start();
    }
  }

  async dispose(): Promise<void> {
    for (const member of this.members) member.dispose();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

function memoryFolder(): string {
  try {
    rmSync(mkdtempSync(join(MEMORY_FOLDER, 'lmdbstream-try-')), { recursive: true });
    return MEMORY_FOLDER;
  } catch {
    return tmpdir();
  }
}
