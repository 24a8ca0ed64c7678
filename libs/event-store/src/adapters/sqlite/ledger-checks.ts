import type { PersonalDataCipher, SealedText } from '../../codec/personal-data.js';
import { StoreDamaged } from '../../event-store.js';
import { genesisHash, nextHash, type ChainHash } from './hash-chain.js';
import type { LogHead } from './head-file.js';
import type { LogReader, ProofRow } from './log-reader.js';
import type { LedgerRow } from './schema.js';

/** How many of the newest events are checked against their hashes each time a ledger is opened. */
const CHECKED_AT_OPEN = 1_000;

const KEY_CHECK_SUBJECT = 'ledger';

/** The ledger's id, sealed: whoever can open it has the ledger's key. */
export function sealKeyCheck(cipher: PersonalDataCipher, ledgerId: string): string {
  return JSON.stringify(cipher.seal(ledgerId, KEY_CHECK_SUBJECT, `key-check\n${ledgerId}`));
}

/** @throws StoreDamaged Before anything is written under the wrong key. */
export function assertKey(cipher: PersonalDataCipher, { id, keyCheck }: LedgerRow): void {
  const opened = cipher.open(JSON.parse(keyCheck) as SealedText, `key-check\n${id}`);
  if (opened !== id) throw new StoreDamaged('the ledger key does not belong to this log');
}

/**
 * Checks that the log is the one that was acknowledged, and reaches at least as far.
 *
 * @returns Position of the last event.
 * @throws StoreDamaged With a reason that tells an operator what is wrong.
 */
export function assertReaches(reader: LogReader, ledger: LedgerRow, head: LogHead): number {
  if (ledger.id !== head.ledgerId) {
    throw new StoreDamaged(
      `the database is of another ledger: it is ${ledger.id}, the head file is of ${head.ledgerId}`,
    );
  }
  const end = reader.lastPosition();
  if (end < head.position) {
    throw new StoreDamaged(
      `the log ends at event ${end}, but event ${head.position} was acknowledged: ` +
        'it was cut, or put back from an older copy',
    );
  }
  const found = head.position === 0 ? genesisHash(ledger.id) : reader.rowAt(head.position)?.hash;
  if (found !== head.hash) {
    throw new StoreDamaged(`event ${head.position} is not the one that was acknowledged`);
  }
  assertNewest(reader, ledger, end);
  return end;
}

function assertNewest(reader: LogReader, ledger: LedgerRow, end: number): void {
  const start = Math.max(0, end - CHECKED_AT_OPEN);
  let previous = start === 0 ? genesisHash(ledger.id) : reader.rowAt(start)?.hash;
  let position = start;
  for (const row of reader.rowsAfter(start, CHECKED_AT_OPEN)) {
    position += 1;
    const fault = faultOf(row, position, previous);
    if (fault !== undefined) throw new StoreDamaged(fault);
    previous = row.hash;
  }
  if (position !== end) throw new StoreDamaged(`the log has no event at position ${position + 1}`);
}

/** What is wrong with a row that ought to follow `before` at `position`; undefined when nothing is. */
export function faultOf(
  row: ProofRow,
  position: number,
  before: ChainHash | undefined,
): string | undefined {
  if (row.position !== position) return `event ${position} is missing`;
  if (before === undefined || nextHash(before, row) !== row.hash) {
    return `event ${position} was altered, or what came before it was: its hash does not match`;
  }
  // The hash vouches for what an event says; the link, for its being found when its stream is read.
  const { previous, previousStreamKey, previousRevision, revision, streamKey } = row;
  const isFirst = revision === 1 && previous === 0;
  if (isFirst || (previousStreamKey === streamKey && previousRevision === revision - 1))
    return undefined;
  return `event ${position} does not follow the event before it in ${row.streamId}`;
}
