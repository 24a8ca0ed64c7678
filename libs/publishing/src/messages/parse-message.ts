import type { ValidateFunction } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';
import type { LedgerMessage, MessageType } from './ledger-message.js';
import type { LedgerPositionMark } from './ledger-position.js';
import { LEDGER_POSITION_SCHEMA, MESSAGE_SCHEMAS } from './message-schemas.js';

/** What came is not a message of the ledger. The text names the members at fault, never their values. */
export class MessageFault extends Error {
  override readonly name = 'MessageFault';
}

const ajv = new Ajv2020({ strict: true, allowUnionTypes: true });

const MESSAGE_VALIDATORS: Readonly<Record<MessageType, ValidateFunction>> = {
  'token-revoked': ajv.compile(MESSAGE_SCHEMAS['token-revoked']),
  'token-rotated': ajv.compile(MESSAGE_SCHEMAS['token-rotated']),
  'token-updated': ajv.compile(MESSAGE_SCHEMAS['token-updated']),
};
const isMark = ajv.compile<LedgerPositionMark>(LEDGER_POSITION_SCHEMA);

/**
 * Reads a message that came from outside. Members it does not know are let through: a newer ledger may
 * say more.
 *
 * @param id Id of the CloudEvent. @param data Its data, parsed from JSON.
 * @throws MessageFault For anything malformed.
 */
export function parseMessage(type: MessageType, id: string, data: unknown): LedgerMessage {
  const validate = MESSAGE_VALIDATORS[type];
  if (!id) throw new MessageFault(`a ${type} message has no id`);
  if (!validate(data)) throw fault(`${type} message`, validate);
  // The schemas describe exactly these types; message-schemas.spec.ts holds the two together.
  return { id, type, data } as LedgerMessage;
}

/** Reads a mark that came from outside. @throws MessageFault For anything malformed. */
export function parseLedgerPosition(value: unknown): LedgerPositionMark {
  if (!isMark(value)) throw fault('ledger-position mark', isMark);
  return value;
}

function fault(what: string, { errors }: ValidateFunction): MessageFault {
  const [{ instancePath, message } = { instancePath: '', message: 'is malformed' }] = errors ?? [];
  return new MessageFault(`not a ${what}: ${instancePath || 'the data'} ${message}`);
}
