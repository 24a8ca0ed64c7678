import type { MessageType } from './ledger-message.js';

/** An RFC 3339 instant in UTC with milliseconds, as the ledger writes them all. */
const INSTANT = {
  type: 'string',
  pattern: '^\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}:\\d{2}\\.\\d{3}Z$',
} as const;
const NAME = { type: 'string', minLength: 1 } as const;

const ABOUT_TOKEN = {
  tokenId: { ...NAME, description: 'The token, by its id. Also the key of the message.' },
  orgId: { ...NAME, description: 'The organization that the token belongs to.' },
  revision: {
    type: 'integer',
    minimum: 1,
    description: 'Of the stream of the token, after the event.',
  },
  position: {
    type: 'string',
    pattern: '^[1-9][0-9]*$',
    description:
      'Of the event in the log, in decimal. Answers about the token that were judged at an earlier position are out of date.',
  },
  occurredAt: { ...INSTANT, description: 'When it happened.' },
} as const;

const ABOUT_TOKEN_REQUIRED = Object.keys(ABOUT_TOKEN) as readonly (keyof typeof ABOUT_TOKEN)[];

/**
 * JSON Schemas of what the messages carry as data, by type. docs/messages holds the same, for those who
 * read messages in another language. Members are added without a new version, so receivers let pass
 * what they do not know.
 */
export const MESSAGE_SCHEMAS = {
  'token-revoked': {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'token-revoked',
    description: 'The token is dead, with all of its secrets.',
    type: 'object',
    required: [...ABOUT_TOKEN_REQUIRED, 'revocationId', 'reason'],
    properties: {
      ...ABOUT_TOKEN,
      revocationId: { ...NAME, description: 'Names the revocation.' },
      reason: { ...NAME, description: 'Why, such as `requested` or `compromised`.' },
    },
  },
  'token-rotated': {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'token-rotated',
    description:
      'One secret of the token ends: at once, or when its grace does. No further message says so then.',
    type: 'object',
    required: [
      ...ABOUT_TOKEN_REQUIRED,
      'secretId',
      'newSecretId',
      'graceEndsAt',
      'graceRemainingMs',
    ],
    properties: {
      ...ABOUT_TOKEN,
      secretId: { ...NAME, description: 'Names the secret that ends.' },
      newSecretId: {
        type: ['string', 'null'],
        minLength: 1,
        description: 'Names the secret that took its place; null where a grace was closed.',
      },
      graceEndsAt: {
        ...INSTANT,
        description: 'When the old secret ends; equal to `occurredAt` when it has no grace.',
      },
      graceRemainingMs: {
        type: 'integer',
        minimum: 0,
        description:
          'What was left of the grace when the message was sent. Go by the stricter of the two.',
      },
    },
  },
  'token-updated': {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'token-updated',
    description: 'Something else changed that an answer about the token shows or is judged by.',
    type: 'object',
    required: [...ABOUT_TOKEN_REQUIRED, 'attribute'],
    properties: {
      ...ABOUT_TOKEN,
      attribute: { ...NAME, description: 'Name of the attribute, as the native API spells it.' },
    },
  },
} as const satisfies Record<MessageType, object>;

/** JSON Schema of a mark, `ledger-position`. */
export const LEDGER_POSITION_SCHEMA = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  title: 'ledger-position',
  description: 'Every message up to `position` has been sent.',
  type: 'object',
  required: ['position', 'at'],
  properties: {
    position: {
      type: 'string',
      pattern: '^(0|[1-9][0-9]*)$',
      description: 'A place in the log, in decimal; 0 is before the first event.',
    },
    at: { ...INSTANT, description: 'When the mark was sent.' },
    offsets: {
      type: 'object',
      description:
        'On Kafka: by message type, by partition, the next offset. Every message up to `position` lies below these.',
      additionalProperties: {
        type: 'object',
        propertyNames: { pattern: '^(0|[1-9][0-9]*)$' },
        additionalProperties: { type: 'string', pattern: '^(0|[1-9][0-9]*)$' },
      },
    },
  },
} as const;
