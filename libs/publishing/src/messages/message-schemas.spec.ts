import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { parse } from 'yaml';
import { sampleInstant, sampleMetadata, samplePayloads } from '@ledger/event-store/testing';
import { MESSAGE_TYPES, type LedgerMessage } from './ledger-message.js';
import type { LedgerPositionMark } from './ledger-position.js';
import { LEDGER_POSITION_SCHEMA, MESSAGE_SCHEMAS } from './message-schemas.js';
import { CHANNELS, markRecord, messageRecord } from './outgoing-record.js';
import { MessageFault, parseLedgerPosition, parseMessage } from './parse-message.js';
import { toMessage } from './to-message.js';

const FOLDER = join(process.cwd(), 'docs/messages');
const SENDER = { ledgerId: 'ledger-1', epoch: 7 };
const SCHEMAS = { ...MESSAGE_SCHEMAS, 'ledger-position': LEDGER_POSITION_SCHEMA };
const MARK: LedgerPositionMark = {
  position: '12',
  at: sampleInstant(5),
  offsets: { 'token-revoked': { '0': '12', '1': '0' } },
};

/** A message of every event type that has one. */
const MESSAGES: readonly LedgerMessage[] = Object.values(samplePayloads).flatMap((payload) => {
  const { occurredAt } = payload;
  const place = { streamId: 's', revision: 1, position: 9n, eventId: 'event-1' };
  const stored = { ...place, payload, metadata: sampleMetadata(), occurredAt };
  return toMessage(stored, sampleInstant(2)) ?? [];
});

const json = (name: string): unknown => JSON.parse(readFileSync(join(FOLDER, name), 'utf8'));

describe('the schemas of the messages', () => {
  it.each(CHANNELS)('docs/messages holds the schema of %s as the code does', (channel) => {
    expect(json(`${channel}.schema.json`)).toEqual(SCHEMAS[channel]);
  });

  it('let pass a message of every event type, which is read back as it was', () => {
    expect(new Set(MESSAGES.map(({ type }) => type))).toEqual(new Set(MESSAGE_TYPES));
    for (const message of MESSAGES) {
      const data: unknown = JSON.parse(JSON.stringify(message.data));
      expect(parseMessage(message.type, message.id, data)).toEqual(message);
    }
    expect(parseLedgerPosition(JSON.parse(JSON.stringify(MARK)))).toEqual(MARK);
  });

  it('let pass what a newer ledger adds', () => {
    for (const { type, id, data } of MESSAGES) {
      expect(parseMessage(type, id, { ...data, added: 1 }).data).toMatchObject({ added: 1 });
    }
    expect(parseLedgerPosition({ ...MARK, added: 1 })).toMatchObject({ added: 1 });
  });

  it('describe every member that is sent, and demand each', () => {
    for (const { type, id, data } of MESSAGES) {
      expect(Object.keys(MESSAGE_SCHEMAS[type].properties).sort()).toEqual(
        Object.keys(data).sort(),
      );
      for (const member of Object.keys(data)) {
        const { [member]: _, ...rest } = { ...data } as Record<string, unknown>;
        expect(() => parseMessage(type, id, rest)).toThrow(MessageFault);
        for (const wrong of [true, {}, [], -1, '']) {
          expect(() => parseMessage(type, id, { ...data, [member]: wrong })).toThrow(MessageFault);
        }
      }
    }
  });

  it.each([
    undefined,
    null,
    'text',
    [],
    {},
    { ...MARK, position: 12 },
    { ...MARK, position: '-1' },
    { ...MARK, position: '012' },
    { ...MARK, at: 'yesterday' },
    { ...MARK, offsets: { 'token-revoked': { '0': 12 } } },
    { ...MARK, offsets: { 'token-revoked': { first: '12' } } },
    { ...MARK, offsets: [] },
  ])('refuse %j as a mark, and as a message', (value) => {
    expect(() => parseLedgerPosition(value)).toThrow(MessageFault);
    for (const type of MESSAGE_TYPES) {
      expect(() => parseMessage(type, 'event-1', value)).toThrow(MessageFault);
    }
  });

  it('refuse a message without an id, and never repeat what it held', () => {
    const [{ type, data }] = MESSAGES as readonly [LedgerMessage];
    expect(() => parseMessage(type, '', data)).toThrow(MessageFault);
    const secret = 'tl_secret-that-nobody-may-see';
    const told = (): unknown => parseMessage(type, 'event-1', { ...data, position: secret });
    expect(told).toThrow(/position/);
    expect(told).not.toThrow(secret);
  });
});

interface AsyncApi {
  readonly channels: Record<string, { readonly address: string }>;
  readonly operations: Record<string, { readonly channel: { readonly $ref: string } }>;
  readonly components: {
    readonly messages: Record<
      string,
      { readonly headers: object; readonly payload: { readonly $ref: string } }
    >;
    readonly schemas: object;
  };
}

describe('docs/messages/asyncapi.yaml', () => {
  const document = parse(readFileSync(join(FOLDER, 'asyncapi.yaml'), 'utf8')) as AsyncApi;

  it('describes every channel, its operation, and its message by the schema beside it', () => {
    const addresses = Object.values(document.channels).map(({ address }) => address);
    expect(addresses).toEqual(CHANNELS);
    expect(Object.values(document.operations).map(({ channel }) => channel.$ref)).toEqual(
      CHANNELS.map((channel) => `#/channels/${channel}`),
    );
    const payloads = Object.entries(document.components.messages);
    expect(payloads.map(([name, { payload }]) => [name, payload.$ref])).toEqual(
      CHANNELS.map((channel) => [channel, `./${channel}.schema.json`]),
    );
  });

  it('passes a published linter for AsyncAPI 3', () => {
    const linter = join(process.cwd(), 'node_modules/@redocly/cli/bin/cli.js');
    const run = spawnSync(process.execPath, [linter, 'lint', 'asyncapi.yaml'], {
      encoding: 'utf8',
      cwd: FOLDER,
      env: { ...process.env, REDOCLY_TELEMETRY: 'off', REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true' },
    });
    expect({ status: run.status, output: run.status === 0 ? '' : run.stderr + run.stdout }).toEqual(
      { status: 0, output: '' },
    );
  });

  it('describes the headers as they are sent, all of them', () => {
    const ajv = new Ajv2020({ strict: false });
    addFormats.default(ajv);
    ajv.addSchema({ $id: 'asyncapi', components: document.components });
    const records = MESSAGES.map((message) => messageRecord(message, SENDER));
    for (const { channel, headers } of [...records, markRecord(MARK, SENDER)]) {
      const $ref = `asyncapi#/components/messages/${channel}/headers`;
      const validate = ajv.compile({ $ref });
      expect(validate(headers) || validate.errors).toBe(true);
      for (const name of Object.keys(headers)) {
        expect(validate({ ...headers, [name]: undefined })).toBe(false);
        const { [name]: _, ...rest } = headers;
        expect(validate(rest)).toBe(false);
      }
    }
  });
});
