import { expect, it } from 'vitest';
import { judgeMemory, type MemoryFacts } from '../../../src/sync/local/judge-memory.ts';

/** The sidecar has seen transaction 10 of file 1:1, whose root was `r`; it is file 1:2 itself. */
const STATE: MemoryFacts['state'] = {
  format: 1,
  dataFile: '1:1',
  ownFile: '1:2',
  txnId: 10,
  root: 'r',
  pendingTxnId: 0,
  lookedNano: '5',
};
const MAIN: MemoryFacts['main'] = { txnId: 12, root: 's', dataFile: '1:1' };

const judge = (given: Partial<Omit<MemoryFacts, 'state' | 'main'>>, main = {}, state = {}) =>
  judgeMemory({
    state: { ...STATE, ...state },
    main: { ...MAIN, ...main },
    ownFile: '1:2',
    knowsOwn: true,
    ...given,
  });

const NEW = { txnId: 0, root: '', dataFile: '', ownFile: undefined };
const SAME = { txnId: 10, root: 'r' };

it.each([
  ['a first start', judge({}, {}, NEW), 'whole'],
  ['a first start with an empty LMDB', judge({ knowsOwn: false }, { txnId: 0 }, NEW), 'whole'],
  ['it is missing', judge({ knowsOwn: false }, {}, NEW), 'lost'],
  ['nothing was written since', judge({}, SAME), 'whole'],
  [
    'nothing was written since, and both are old copies',
    judge({ knowsOwn: false, ownFile: '1:8' }, { ...SAME, dataFile: '1:9' }),
    'whole',
  ],
  ['the application has written', judge({}), 'whole'],
  ['the devices are numbered anew', judge({ ownFile: '7:2' }, { dataFile: '7:1' }), 'whole'],
  ['it is an old one', judge({ knowsOwn: false }), 'lost'],
  ['the LMDB is an older one', judge({}, { txnId: 9 }), 'older'],
  ['the LMDB is empty', judge({}, { txnId: 0 }), 'older'],
  ['a first filling of another file', judge({}, { dataFile: '1:9' }, { txnId: 0, root: '' }), 'older'],
  ['both were moved', judge({ ownFile: '1:8' }, { dataFile: '1:9' }), 'whole'],
  [
    'both are old copies that were written to',
    judge({ knowsOwn: false, ownFile: '1:8' }, { dataFile: '1:9' }),
    'replaced',
  ],
  ['it was being rebuilt', judge({}, SAME, { isRebuilding: true }), 'lost'],
  ['it was being rebuilt beside another file', judge({}, { dataFile: '1:9' }, { isRebuilding: true }), 'replaced'],
])('%s', (_, verdict, wanted) => {
  expect(verdict).toBe(wanted);
});

it.each([
  ['another history of the same length', judge({}, { txnId: 10 }), /transaction 10 is another one/],
  ['the LMDB alone is another file', judge({}, { dataFile: '1:9' }), /another file/],
  [
    'the same, where it is not known which file the sidecar was',
    judge({}, { dataFile: '1:9' }, { ownFile: undefined }),
    /another file/,
  ],
])('%s: nothing is guessed', (_, verdict, why) => {
  expect(verdict).toEqual({ why: expect.stringMatching(why) });
});
