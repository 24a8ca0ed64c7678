import { randomBytes } from 'node:crypto';
import { inspect, format } from 'node:util';
import { crc32 } from 'node:zlib';
import {
  checksum,
  digestOf,
  isPersonalToken,
  mintPersonalToken,
  mintSecret,
  parseCredential,
  Secret,
} from './secret.js';

const LONG = process.env['LEDGER_TEST_LONG'] !== undefined;
const DIGITS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

describe('the checksum of a native secret', () => {
  it.each([
    ['zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ', '0mLq17'],
    ['0'.repeat(30), '2C8GjS'],
  ])('of %s is %s', (random, expected) => {
    expect(checksum(random)).toBe(expected);
    expect(parseCredential(`tl_${random}${expected}`)?.kind).toBe('native');
  });

  it('finds every substitution of one character and every swap of two neighbours', () => {
    const missed: string[] = [];
    for (let seed = 0; seed < 20; seed += 1) {
      const [prefix, body] = mintSecret('native', { seed: Buffer.from([seed]) })
        .reveal()
        .split('_');
      for (const damaged of damages(body!)) {
        if (parseCredential(`${prefix}_${damaged}`) !== null) missed.push(damaged);
      }
    }
    expect(missed).toEqual([]);
  });

  it('is always six digits, padded with zeros', () => {
    expect(checksum('')).toBe('000000');
    const all = Array.from({ length: 20_000 }, (_, n) => checksum(`sample-${n}`));
    expect(all.every((digits) => /^[0-9A-Za-z]{6}$/.test(digits))).toBe(true);
    expect(all.every((digits, n) => valueOf(digits) === crc32(`sample-${n}`))).toBe(true);
  });
});

describe('secrets', () => {
  it.each([
    ['native', /^tl_[0-9A-Za-z]{36}$/],
    ['socket', /^sktsec_[A-Za-z0-9_-]{43}_api$/],
  ] as const)('of the %s dialect have its format and are recognised by it', (dialect, form) => {
    for (let n = 0; n < 200; n += 1) {
      const secret = mintSecret(dialect);
      expect(secret.reveal()).toMatch(form);
      expect(parseCredential(secret.reveal())).toEqual({ kind: dialect, digest: secret.digest });
      expect(secret.preview).toMatch(/\*{4}.{4}(_api)?$/);
      expect(secret.preview.length).toBeLessThan(20);
    }
  });

  it('of people are UUIDs of version 4, in any case', () => {
    const secret = mintPersonalToken();
    const presented = parseCredential(secret.reveal().toUpperCase());
    expect(presented).toEqual({ kind: 'personal', digest: secret.digest });
    expect(isPersonalToken(secret.reveal())).toBe(true);
    expect(isPersonalToken('00000000-0000-1000-8000-000000000000')).toBe(false);
  });

  it('come out the same from the same seed, and different from any other', () => {
    const seeds = Array.from({ length: 500 }, (_, n) => Buffer.from(`seed ${n}`));
    for (const dialect of ['native', 'socket'] as const) {
      const secrets = seeds.map((seed) => mintSecret(dialect, { seed }).reveal());
      expect(seeds.map((seed) => mintSecret(dialect, { seed }).reveal())).toEqual(secrets);
      expect(new Set(secrets).size).toBe(seeds.length);
    }
  });

  it('repeat never', () => {
    const samples = LONG ? 1_000_000 : 20_000;
    const secrets = Array.from({ length: samples }, () => mintSecret('native').reveal());
    expect(new Set(secrets).size).toBe(secrets.length);
  });

  it.each([
    ['nothing', ''],
    ['a prefix alone', 'tl_'],
    ['a wrong checksum', `tl_${'0'.repeat(36)}`],
    ['a prefix in capitals', `TL_${'0'.repeat(30)}2C8GjS`],
    ['something before', ` tl_${'0'.repeat(30)}2C8GjS`],
    ['a line behind', `tl_${'0'.repeat(30)}2C8GjS\n`],
    ['far too much', 'x'.repeat(100_000)],
  ])('are not %s', (_what, text) => expect(parseCredential(text)).toBeNull());

  it('are known by SHA-512 in SRI form', () => {
    expect(digestOf('abc')).toBe(
      'sha512-3a81oZNherrMQXNJriBBMRLm+k6JqX6iCp7u5ktV05ohkpkqJ0/BqDa6PCOj/uu9RU1EI2Q86A4qmslPpUyknw==',
    );
  });
});

describe('the random part', () => {
  // From seeds, so that the sample is the same each time: with 61 degrees of freedom, 0.1 % of true random
  // samples exceed 100.9. `byte % 62` gives far more than that: eight symbols come up a quarter more often.
  it('has no favourite symbol, over all places and at each', () => {
    const samples = LONG ? 1_000_000 : 20_000;
    const places = Array.from({ length: 30 }, () => new Map<string, number>());
    const over = new Map<string, number>();
    for (let n = 0; n < samples; n += 1) {
      const random = mintSecret('native', { seed: Buffer.from(`sample ${n}`) })
        .reveal()
        .slice(3, 33);
      [...random].forEach((digit, place) => {
        places[place]!.set(digit, (places[place]!.get(digit) ?? 0) + 1);
        over.set(digit, (over.get(digit) ?? 0) + 1);
      });
    }
    expect(chiSquare(over, samples * 30)).toBeLessThan(100.9);
    // Thirty tests at once: the bound is that of 0.003 %.
    for (const place of places) expect(chiSquare(place, samples)).toBeLessThan(115);
  });
});

describe('a scanner', () => {
  const FORM = /(?<![0-9A-Za-z])tl_[0-9A-Za-z]{36}(?![0-9A-Za-z])/g;
  const isOne = (text: string): boolean => parseCredential(text) !== null;

  it('finds every secret in a text, and none in noise, also where the noise has the form', () => {
    const secrets = Array.from({ length: 1_000 }, () => mintSecret('native').reveal());
    const text = secrets.map((secret) => `${noise(40)} key=${secret}; ${noise(40)}`).join('\n');
    expect([...text.matchAll(FORM)].map(([found]) => found).filter(isOne)).toEqual(secrets);

    const megabytes = LONG ? 100 : 2;
    for (let done = 0; done < megabytes; done += 1) {
      const found = noise(1_000_000).match(FORM) ?? [];
      const formed = `tl_${noise(80)
        .replaceAll(/[^0-9A-Za-z]/g, '')
        .slice(0, 36)}`;
      expect([...found, formed].filter(isOne)).toEqual([]);
    }
  });

  function noise(characters: number): string {
    return randomBytes(Math.ceil((characters * 3) / 4))
      .toString('base64')
      .slice(0, characters);
  }
});

describe('a secret that strays', () => {
  const plaintext = 'tl_zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ0mLq17';
  const secret = new Secret(plaintext, 'tl_****Lq17');
  const failure = new Error('outer', { cause: secret });

  it.each<[string, () => unknown]>([
    ['toString', () => secret.toString()],
    ['String', () => String(secret)],
    ['template', () => `${secret}`],
    ['concatenation', () => 'a ' + secret],
    ['JSON', () => JSON.stringify(secret)],
    ['JSON, nested', () => JSON.stringify({ a: [{ secret }] })],
    ['inspect', () => inspect(secret)],
    ['inspect, everything shown', () => inspect(secret, { showHidden: true, depth: null })],
    ['inspect without custom rules', () => inspect(secret, { customInspect: false })],
    ['console formatting', () => format('%s %o %O %j', secret, secret, secret, secret)],
    ['nested in a Map', () => inspect(new Map([['key', [secret]]]), { depth: null })],
    ['cause of an error', () => inspect(failure)],
    ['cause as JSON', () => JSON.stringify({ cause: failure.cause })],
    ['entries', () => inspect(Object.entries({ ...secret }))],
    ['own names', () => JSON.stringify(Object.getOwnPropertyNames(secret))],
    ['structured clone', () => inspect(structuredClone(secret))],
    ['array join', () => [secret, secret].join()],
    ['a message thrown', () => new Error(`bad ${secret}`).stack],
  ])('is not shown by %s', (_sink, print) => {
    const shown = String(print());
    expect(shown).not.toContain(plaintext);
    expect(shown).not.toContain('zQWBuTSO');
    expect(shown).not.toContain(Buffer.from(plaintext).toString('base64'));
  });

  it('says that something was left out', () => {
    expect([`${secret}`, JSON.stringify(secret), inspect(secret)]).toEqual([
      '[redacted]',
      '"[redacted]"',
      '[redacted]',
    ]);
  });
});

function* damages(body: string): Generator<string> {
  for (let place = 0; place < body.length; place += 1) {
    for (const digit of DIGITS) {
      if (digit !== body[place]) yield body.slice(0, place) + digit + body.slice(place + 1);
    }
    const [a, b] = [body[place]!, body[place + 1]];
    if (b !== undefined && a !== b) yield body.slice(0, place) + b + a + body.slice(place + 2);
  }
}

function valueOf(digits: string): number {
  return [...digits].reduce((value, digit) => value * 62 + DIGITS.indexOf(digit), 0);
}

function chiSquare(counts: ReadonlyMap<string, number>, total: number): number {
  const expected = total / 62;
  return [...DIGITS].reduce((sum, digit) => {
    return sum + ((counts.get(digit) ?? 0) - expected) ** 2 / expected;
  }, 0);
}
