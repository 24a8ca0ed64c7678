import { inspect } from 'node:util';
import { Logger } from '@nestjs/common';
import { createLog } from '@ledger/process';
import { NestLog } from '@ledger/runtime';
import { mintPersonalToken, mintSecret } from '@ledger/commands';
import { CapturedLines } from './operated-service.js';

const SECRET = 'planted-b3f1c9';

/** What secrets are called in requests, answers, rows and errors. */
const FIELD_NAMES = [
  ...['authorization', 'Authorization', 'proxy-authorization', 'cookie', 'Cookie', 'set-cookie'],
  ...['Set-Cookie', 'token', 'tokens', 'token_value', 'accessToken', 'refresh_token', 'id-token'],
  ...['secret', 'secrets', 'client_secret', 'clientSecret', 'secretHash', 'hash', 'hashes'],
  ...['tokenHash', 'digest', 'password', 'PASSWORD', 'passwd', 'passphrase', 'api_key', 'apiKey'],
  ...['X-API-Key', 'privateKey', 'masterKey', 'credential', 'credentials', 'bearer', 'jwt'],
];

/** Ways for one field to come into a line. */
const FORMS: readonly ((field: object) => object)[] = [
  (field) => field,
  (field) => ({ request: { headers: field } }),
  (field) => ({ items: [field, { deep: [field] }] }),
  (field) => ({ err: Object.assign(new Error('failed'), field) }),
  (field) => ({ err: new Error('outer', { cause: Object.assign(new Error('inner'), field) }) }),
  (field) => ({ wrapped: { toJSON: () => field } }),
];

describe('the log', () => {
  let captured: CapturedLines;

  const log = () => {
    captured = new CapturedLines();
    return createLog({ level: 'debug', lines: captured });
  };

  it.each(FIELD_NAMES)('never shows what is called %s', (name) => {
    expect(FIELD_NAMES.length).toBeGreaterThanOrEqual(30);
    const logger = log();
    for (const form of FORMS) {
      for (const value of [SECRET, [SECRET], { inner: SECRET }, Buffer.from(SECRET)]) {
        logger.info(form({ [name]: value }), 'planted');
        logger.fatal(form({ [name]: value }));
        new NestLog(logger).error('planted', form({ [name]: value }), 'Context');
        new NestLog(logger).warn(form({ [name]: value }), 'Context');
      }
    }
    expect(captured.lines).toHaveLength(FORMS.length * 16);
    expect(captured.text).not.toContain(SECRET);
    expect(captured.text).not.toContain(Buffer.from(SECRET).toJSON().data.join(','));
    expect(captured.text).toContain('[redacted]');
  });

  it('keeps ids, which open nothing and which an operator needs', () => {
    log().info({ tokenId: 'a', secret_id: 'b', requestId: 'c', 'token-ids': ['d'] }, 'ids');
    expect(captured.lines).toMatchObject([
      { tokenId: 'a', secret_id: 'b', requestId: 'c', 'token-ids': ['d'] },
    ]);
  });

  it('finds secrets in texts too, by their form', () => {
    const secrets = [mintSecret('native'), mintSecret('socket')];
    const texts = secrets.flatMap((secret) => [secret.reveal(), secret.digest]);
    const logger = log();
    for (const text of [...texts, `Bearer ${SECRET}`, `Basic ${btoa(SECRET)}`]) {
      logger.info({ note: `it was ${text}!`, [text]: 1 }, `given ${text}`);
      logger.error({ err: new Error(`refused ${text}`) });
      new NestLog(logger).warn(`refused ${text}`, 'Context');
    }
    expect(captured.lines).toHaveLength(18);
    expect([...texts, SECRET, btoa(SECRET)].filter((text) => captured.text.includes(text))).toEqual(
      [],
    );
  });

  it('shows nothing of a Secret, whichever way it is printed (S13)', () => {
    const secret = mintPersonalToken();
    const plaintext = secret.reveal();
    const logger = log();
    logger.info({ value: secret, list: [secret], nested: { value: secret } }, `of ${secret}`);
    logger.info({ err: new Error(`of ${secret}`, { cause: secret }) });
    const texts = [
      ...[captured.text, String(secret), `${secret}`, JSON.stringify({ secret })],
      ...[inspect(secret), inspect({ secret }, { depth: 9, showHidden: true }), inspect([secret])],
      ...[JSON.stringify([secret]), secret + '', Object.values(secret).join()],
      ...[JSON.stringify(Object.entries(secret)), inspect(new Error('e', { cause: secret }))],
    ];
    expect(texts).toHaveLength(12);
    expect(texts.filter((text) => text.includes(plaintext))).toEqual([]);
  });

  it('keeps one object a line, whatever is in the texts (H19)', () => {
    const nasty = 'a\r\nb\u2028c\u2029d\u0085e\u001b[31mf\u009b2Jg\u0000h\u007fi","level":"fatal';
    const logger = log();
    logger.info({ text: nasty, [nasty]: nasty, list: [nasty] }, nasty);
    logger.error({ err: new Error(nasty) });
    new NestLog(logger).warn(nasty, nasty);
    expect(captured.lines).toHaveLength(3);
    expect(captured.text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028\u2029]/);
    expect(captured.lines[0]).toMatchObject({ level: 'info', text: nasty, msg: nasty });
  });

  it('survives what cannot be printed', () => {
    const circle: Record<string, unknown> = { size: 10n ** 20n };
    circle['self'] = circle;
    const hostile = {
      get boom(): string {
        throw new Error('no');
      },
    };
    const logger = log();
    logger.info(circle);
    logger.info(hostile);
    logger.info({ text: 'x'.repeat(100_000), many: Array.from({ length: 10_000 }, () => 'x') });
    expect(captured.lines).toHaveLength(3);
    expect(Math.max(...captured.written.map(({ length }) => length))).toBeLessThan(5_000);
  });

  it('takes the lines of all who log through Nest', () => {
    const nest = new NestLog(log());
    const before = Logger.overrideLogger(nest);
    expect(before).toBeUndefined();
    new Logger('Somewhere').error('failed', 'the stack');
    expect(captured.lines).toMatchObject([
      { level: 'error', event: 'component', context: 'Somewhere', msg: 'failed' },
    ]);
    expect(captured.lines[0]).toMatchObject({ name: 'token-ledger', time: expect.any(String) });
  });
});
