import { cloudEventAttributes } from './cloud-event.js';
import { MESSAGE_TYPES, type LedgerMessage, type MessageType } from './ledger-message.js';
import { LEDGER_POSITION, type LedgerPositionMark } from './ledger-position.js';

/** Where records go: each channel is a Kafka topic of the same name, behind the configured prefix. */
export type Channel = MessageType | typeof LEDGER_POSITION;

export const CHANNELS: readonly Channel[] = [...MESSAGE_TYPES, LEDGER_POSITION];

/** One record as it goes out: a CloudEvent 1.0 in binary mode, or a mark. */
export interface OutgoingRecord {
  readonly channel: Channel;
  /** Records of one key keep their order. */
  readonly key: string;
  /** JSON */
  readonly value: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** Who sends: the ledger, and the term of the relay that is active. */
export interface Sender {
  readonly ledgerId: string;
  /** Rises with each take-over. A receiver may tell by it what a relay that was replaced sent late. */
  readonly epoch: number;
}

const CONTENT = { 'content-type': 'application/json' } as const;

/** A message as a record, keyed by its token. @see CloudEvents 1.0.2, Kafka protocol binding, 3.2 */
export function messageRecord(message: LedgerMessage, { ledgerId, epoch }: Sender): OutgoingRecord {
  const headers: Record<string, string> = { ...CONTENT };
  for (const [name, value] of Object.entries(cloudEventAttributes(message, ledgerId))) {
    headers[`ce_${name}`] = value;
  }
  headers['ce_relayepoch'] = String(epoch);
  const { type: channel, data } = message;
  return { channel, key: data.tokenId, value: JSON.stringify(data), headers };
}

/** A mark as a record. One key for all, so that compaction would keep the newest. */
export function markRecord(mark: LedgerPositionMark, { epoch }: Sender): OutgoingRecord {
  return {
    channel: LEDGER_POSITION,
    key: LEDGER_POSITION,
    value: JSON.stringify(mark),
    headers: { ...CONTENT, ce_relayepoch: String(epoch) },
  };
}
