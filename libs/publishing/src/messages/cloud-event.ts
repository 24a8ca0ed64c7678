import type { LedgerMessage } from './ledger-message.js';

/** Version of the messages' form. Members are added without raising it, never taken away. */
const VERSION = 'v1';

/** Attributes of CloudEvents 1.0, as they go out: `ce_` headers on Kafka, members of the JSON on SSE. */
export interface CloudEventAttributes {
  readonly specversion: '1.0';
  readonly id: string;
  /** The ledger that it happened in: `/ledgers/<ledgerId>`. */
  readonly source: string;
  /** `token-ledger.<message type>.v1` */
  readonly type: string;
  /** The token's id. */
  readonly subject: string;
  readonly time: string;
}

export interface CloudEvent extends CloudEventAttributes {
  readonly datacontenttype: 'application/json';
  readonly data: LedgerMessage['data'];
}

/** The context attributes of a message. @see CloudEvents 1.0.2, section 3 */
export function cloudEventAttributes(
  { id, type, data }: LedgerMessage,
  ledgerId: string,
): CloudEventAttributes {
  return {
    specversion: '1.0',
    id,
    source: `/ledgers/${ledgerId}`,
    type: `token-ledger.${type}.${VERSION}`,
    subject: data.tokenId,
    time: data.occurredAt,
  };
}

/** A message in structured mode: one JSON document, as `/v1/invalidations` sends it. */
export function toCloudEvent(message: LedgerMessage, ledgerId: string): CloudEvent {
  return {
    ...cloudEventAttributes(message, ledgerId),
    datacontenttype: 'application/json',
    data: message.data,
  };
}
