import type { DatabaseAction, DatabaseEvent, DatabaseState, Step } from './state.ts';

/** Loads before a waiting local snapshot gets its turn (LOOP-08). */
const LOADS_BEFORE_SNAPSHOT = 10;
/** Between two attempts to list the bucket at start. */
const FIRST_LISTING_RETRY_MS = 1000;

/**
 * What a database does next. Pure: no clock (`nowMs` is monotonic), no I/O; the runner does what it says and tells what came of it.
 *
 * | stage     | event                                  | next stage, and what is done                                       |
 * |-----------|----------------------------------------|--------------------------------------------------------------------|
 * | opening   | opened                                 | listing: list                                                      |
 * | listing   | listFailed; timer                      | wake in a second; list                                             |
 * | listing   | listed                                 | checking (`sync`): check staleness; recovering (`receive`): recover |
 * | checking  | checked                                | recovering: find out whether what is known of the entries is whole |
 * | recovering | recovered                             | recording: record offline changes, before anything is merged       |
 * | recording | recorded                               | joining while an own object is due (I5), else running              |
 * | joining   | settled, timer                         | load, look; running when no own object is due                      |
 * | starting  | news, between listing and running      | remembered: the bucket is listed again once running                |
 * | running   | news, timer                            | list                                                               |
 * | running   | settled                                | load                                                               |
 * | running   | listed, listFailed                     | load; publish what the start owes; wake at the next poll; with     |
 * |           |                                        | `only_once` stopping, when all is merged and published             |
 * | running   | localChange, looked                    | publish; `looked`: when no full snapshot was stored for the force interval  |
 * | running   | downloaded; merged; publisher          | merge, but after ten loads what is due is taken first              |
 * | any       | stop                                   | stopping: everything but the publisher ends                        |
 * | stopping  | localChange                            | publish, if the publisher still runs                               |
 * | stopping  | workEnded; publisherEnded              | the publisher ends after one last attempt; then ended              |
 *
 * Whatever is not in the table changes nothing. Local changes that are recorded before `running` are published by what the start
 * owes: nothing leaves before our own newest object is merged (I5).
 */
export function step(state: DatabaseState, event: DatabaseEvent, nowMs: number): Step {
  switch (event.type) {
    case 'opened':
      if (state.stage !== 'opening') return stay(state);
      return list({ ...state, stage: 'listing', hasDataAtStart: event.hasData }, [phase('listing')]);
    case 'listed':
      return listed({ ...state, isListing: false, remote: event.remote }, nowMs);
    case 'listFailed':
      return listFailed({ ...state, isListing: false }, nowMs);
    case 'checked':
      return state.stage === 'checking' ? recover(state) : stay(state);
    case 'recovered':
      return state.stage === 'recovering' ? record(state) : stay(state);
    case 'recorded':
      return state.stage === 'recording' ? join({ ...state, stage: 'joining' }, nowMs) : stay(state);
    case 'settled':
      return settled({ ...state, remote: event.remote }, nowMs);
    case 'news':
      // A hint while the start goes on: what it is about may be missing in the listing that is being merged.
      if (isStarting(state)) return stay({ ...state, listsAgain: true });
      return state.stage === 'running' && !isPassEnding(state) ? list(state) : stay(state);
    case 'timer':
      return due(state, nowMs);
    case 'localChange': {
      const changed = { ...state, hasLocalChanges: true };
      const isPublished = state.stage === 'running' || (state.stage === 'stopping' && state.isPublisherRunning);
      return isPublished ? publish(changed) : stay(changed);
    }
    case 'looked':
      return looked(state, event.sinceFullMs, event.txnId);
    case 'downloaded':
      return downloaded(state, event.id);
    case 'merged': {
      const counts = state.owesFirst || state.publisher.isDue;
      return stay({ ...state, loadsSinceDue: counts ? state.loadsSinceDue + 1 : 0 });
    }
    case 'publisher':
      return publisherMoved({ ...state, publisher: event.facts });
    case 'stop':
      return stop(state);
    case 'workEnded':
      if (state.stage !== 'stopping') return stay(state);
      return state.isPublisherRunning ? { state, actions: [{ type: 'stopPublisher' }] } : end(state);
    case 'publisherEnded':
      return state.stage === 'stopping' ? end({ ...state, isPublisherRunning: false }) : stay(state);
  }
}

function stay(state: DatabaseState): Step {
  return { state, actions: [] };
}

function phase(name: 'listing' | 'joining' | 'running'): DatabaseAction {
  return { type: 'tellPhase', phase: name };
}

function isStarting({ stage }: DatabaseState): boolean {
  return ['listing', 'checking', 'recovering', 'recording', 'joining'].includes(stage);
}

function list(state: DatabaseState, before: readonly DatabaseAction[] = []): Step {
  if (state.isListing) return { state: { ...state, listsAgain: true }, actions: before };
  return { state: { ...state, isListing: true, listsAgain: false }, actions: [...before, { type: 'list' }] };
}

function listed(state: DatabaseState, nowMs: number): Step {
  if (state.stage === 'running') return loadDue(state, nowMs);
  if (state.stage !== 'listing') return stay(state);
  if (state.settings.mode === 'receive') return recover(state);
  return { state: { ...state, stage: 'checking' }, actions: [{ type: 'checkStale' }] };
}

function listFailed(state: DatabaseState, nowMs: number): Step {
  if (state.stage === 'running') return loadDue(state, nowMs);
  if (state.stage !== 'listing') return stay(state);
  return { state, actions: [{ type: 'wake', atMs: nowMs + FIRST_LISTING_RETRY_MS }] };
}

function recover(state: DatabaseState): Step {
  return { state: { ...state, stage: 'recovering' }, actions: [{ type: 'recover' }] };
}

function record(state: DatabaseState): Step {
  return { state: { ...state, stage: 'recording' }, actions: [phase('joining'), { type: 'record' }] };
}

/** Something may be due. */
function due(state: DatabaseState, nowMs: number): Step {
  if (state.stage === 'listing') return list(state);
  if (state.stage === 'joining') return join(state, nowMs);
  if (state.stage !== 'running') return stay(state);
  return isPassEnding(state) ? finish(state) : list(state);
}

/** I5: nothing is published before our own newest object is merged, or each of them found bad. */
function join(state: DatabaseState, nowMs: number): Step {
  if (!state.remote.ownIsDue) return run(state, nowMs);
  const wake = { type: 'wake', atMs: nowMs + state.settings.storagePollIntervalMs } as const;
  return { state, actions: [{ type: 'load' }, { type: 'look' }, wake] };
}

function run(state: DatabaseState, nowMs: number): Step {
  const publishes = state.settings.mode === 'sync';
  const owesFirst = publishes && (state.hasDataAtStart || state.hasLocalChanges);
  const next = loadDue({ ...state, stage: 'running', owesFirst, isPublisherRunning: publishes }, nowMs);
  const start: DatabaseAction[] = [phase('running')];
  if (publishes) start.push({ type: 'startPublisher' });
  return { state: next.state, actions: [...start, { type: 'startWork' }, ...next.actions] };
}

function loadDue(state: DatabaseState, nowMs: number): Step {
  const next = load(state);
  const rest = wakeOrFinish(next.state, nowMs);
  return { state: rest.state, actions: [...next.actions, ...rest.actions] };
}

/** What the last listing showed, and what the start owes once that is merged. */
function load(state: DatabaseState): Step {
  const { waitingFor, hasTrouble } = state.remote;
  const actions: DatabaseAction[] = [{ type: 'load' }];
  const isTurn = waitingFor === 0 || hasTrouble || state.loadsSinceDue >= LOADS_BEFORE_SNAPSHOT;
  if (!state.owesFirst || !isTurn) return { state, actions };
  const first = publish({ ...state, owesFirst: false });
  return { state: first.state, actions: [...actions, ...first.actions] };
}

/** The next listing is under way, or its time is set. */
function settled(state: DatabaseState, nowMs: number): Step {
  if (state.stage !== 'running') return due(state, nowMs);
  return isPassEnding(state) ? finish(state) : load(state);
}

function wakeOrFinish(state: DatabaseState, nowMs: number): Step {
  if (isPassEnding(state)) return finish(state);
  if (state.listsAgain) return list(state);
  return { state, actions: [{ type: 'wake', atMs: nowMs + state.settings.storagePollIntervalMs }] };
}

/** With `only_once`: everything that was listed is merged, and only what is due is still to be published. */
function isPassEnding({ settings, remote, owesFirst }: DatabaseState): boolean {
  return settings.onlyOnce && remote.waitingFor === 0 && !owesFirst;
}

/** Once what is due is stored, or given up. */
function finish(state: DatabaseState): Step {
  const { isDue, hasGivenUp } = state.publisher;
  if (isDue && !hasGivenUp) return stay(state);
  const stopped = stop(state);
  return { state: stopped.state, actions: [{ type: 'tellDone' }, ...stopped.actions] };
}

function publish(state: DatabaseState): Step {
  if (state.settings.mode !== 'sync') return stay(state);
  // The publisher tells so itself, but not before this step has ended.
  const publisher = { ...state.publisher, isDue: true };
  return { state: { ...state, publisher }, actions: [{ type: 'publish' }] };
}

function looked(state: DatabaseState, sinceFullMs: number, txnId: number): Step {
  const { mode, forceSnapshotIntervalMs } = state.settings;
  const isForced = forceSnapshotIntervalMs > 0 && sinceFullMs > forceSnapshotIntervalMs && txnId > 0;
  const publishes = state.stage === 'running' && mode === 'sync';
  return publishes && isForced && !state.publisher.isDue ? publish(state) : stay(state);
}

/** Whether what is due has yet to be taken out of the database: an upload that is slow or is being retried holds up nobody. */
function isTaking({ isPublisherRunning, publisher }: DatabaseState): boolean {
  return isPublisherRunning && publisher.isDue && !publisher.isAtBucket;
}

function downloaded(state: DatabaseState, id: string): Step {
  const merge: DatabaseAction = { type: 'merge', id };
  if (state.stage !== 'running' || state.loadsSinceDue < LOADS_BEFORE_SNAPSHOT) return { state, actions: [merge] };
  if (isTaking(state)) return stay({ ...state, heldBack: [...state.heldBack, id] });
  return { state: { ...state, loadsSinceDue: 0 }, actions: [merge] };
}

function publisherMoved(state: DatabaseState): Step {
  if (state.stage !== 'running') return stay(state);
  if (isPassEnding(state)) return finish(state);
  if (state.heldBack.length === 0 || isTaking(state)) return stay(state);
  return { state: { ...state, heldBack: [], loadsSinceDue: 0 }, actions: mergeAll(state) };
}

function mergeAll({ heldBack }: DatabaseState): DatabaseAction[] {
  return heldBack.map((id) => ({ type: 'merge', id }));
}

function stop(state: DatabaseState): Step {
  if (state.stage === 'stopping' || state.stage === 'ended') return stay(state);
  // A download that is held back finds that everything was aborted.
  return { state: { ...state, stage: 'stopping', heldBack: [] }, actions: [{ type: 'stopWork' }, ...mergeAll(state)] };
}

function end(state: DatabaseState): Step {
  return { state: { ...state, stage: 'ended' }, actions: [{ type: 'end' }] };
}
