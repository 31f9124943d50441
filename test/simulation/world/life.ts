/** The process is gone; whoever is still on the stack unwinds. */
export class Crash extends Error {
  constructor() {
    super('the process was killed');
  }
}

/** One life of a process. When it is over, no call that it makes to the outside returns any more. */
export class Life {
  isOver = false;

  /** @throws Crash */
  assert(): void {
    if (this.isOver) throw new Crash();
  }
}
