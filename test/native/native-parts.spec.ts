import { Controller, Get, UseGuards } from '@nestjs/common';
import fc from 'fast-check';
import { parseInstant } from '../../apps/ledger-api/src/dialects/native/instant.js';
import {
  isGrantableScope,
  LEDGER_SCOPES,
} from '../../apps/ledger-api/src/dialects/native/ledger-scopes.js';
import { NativeGuard } from '../../apps/ledger-api/src/dialects/native/native.guard.js';
import { hasLength, isPlainText } from '../../apps/ledger-api/src/dialects/native/plain-text.js';
import { assertPolicies } from '../../apps/ledger-api/src/dialects/native/route-policies.js';
import { NativeRoute } from '../../apps/ledger-api/src/dialects/native/routes/route-contract.js';
import { GET_SELF } from '../../apps/ledger-api/src/dialects/native/routes/self-routes.js';

describe('an instant', () => {
  it.each([
    ['2026-01-31T23:59:59Z', '2026-01-31T23:59:59.000Z'],
    ['2026-01-31T23:59:59.1Z', '2026-01-31T23:59:59.100Z'],
    ['2026-01-31T23:59:59.123456789Z', '2026-01-31T23:59:59.123Z'],
    ['2026-01-31t23:59:59z', '2026-01-31T23:59:59.000Z'],
    ['2026-02-01T00:59:59+01:00', '2026-01-31T23:59:59.000Z'],
    ['2026-01-31T18:29:59-05:30', '2026-01-31T23:59:59.000Z'],
    ['2028-02-29T00:00:00Z', '2028-02-29T00:00:00.000Z'],
    ['9999-12-31T23:59:59.999Z', '9999-12-31T23:59:59.999Z'],
  ])('%s is %s', (text, expected) => {
    expect(parseInstant(text)).toBe(expected);
  });

  it.each([
    ...['2026-02-30T00:00:00Z', '2027-02-29T00:00:00Z', '2100-02-29T00:00:00Z'],
    ...['2026-13-01T00:00:00Z', '2026-00-01T00:00:00Z', '2026-01-00T00:00:00Z'],
    ...['2026-01-01T24:00:00Z', '2026-01-01T23:60:00Z', '2026-06-30T23:59:60Z'],
    ...['2026-01-01T00:00:00+99:99', '2026-01-01T00:00:00+24:00', '2026-01-01T00:00:00+00:60'],
    ...['2026-01-01T00:00:00', '2026-01-01', '2026-01-01 00:00:00Z', '20260101T000000Z'],
    ...['2026-01-01T00:00Z', '2026-01-01T00:00:00.Z', '2026-01-01T00:00:00,5Z', ''],
    ...['+02026-01-01T00:00:00Z', '9999-12-31T23:59:59-00:01', '0026-01-01T00:00:00Z'],
    ...['2026-01-01T00:00:00.0000000000Z', '2026-01-01T00:00:00Z ', '1767225600'],
  ])('%p is none', (text) => {
    expect(parseInstant(text)).toBeNull();
  });

  it('is read as the calendar reads it', () => {
    const range = { min: new Date(0), max: new Date('9999-12-31T23:59:59.999Z') };
    fc.assert(
      fc.property(fc.date({ ...range, noInvalidDate: true }), (date) => {
        expect(parseInstant(date.toISOString())).toBe(date.toISOString());
      }),
    );
  });
});

describe('a scope that may be given', () => {
  it.each([...LEDGER_SCOPES, '*', 'a', 'a:b', 'ledgers', 'ledger-x', 'a.b_c-d:0'])(
    '%s',
    (scope) => {
      expect(isGrantableScope(scope)).toBe(true);
    },
  );

  it.each([
    'ledger',
    'ledger:',
    'ledger:*',
    'ledger:tokens',
    'ledger:tokens:read:x',
    '',
    'a:',
    ':a',
  ])('is not %p', (scope) => {
    expect(isGrantableScope(scope)).toBe(false);
  });
});

describe('a text', () => {
  it.each([
    '\u0000',
    '\n',
    '\u001b[31m',
    '\u007f',
    '\u0085',
    '\u202e',
    '\u2066',
    '\u2028',
    '\ud800',
  ])('that holds %j is not plain', (part) => {
    expect(isPlainText(`a${part}b`)).toBe(false);
  });

  it('is measured in code points and in bytes', () => {
    expect(hasLength('🚀'.repeat(128), 1, 128)).toBe(true);
    expect(hasLength('🚀'.repeat(129), 1, 128)).toBe(false);
    expect(hasLength('\ufe0f'.repeat(10_000), 1, 128)).toBe(false);
    expect(hasLength('', 1, 128)).toBe(false);
  });
});

describe('a route without a policy', () => {
  it('keeps the service from starting', () => {
    @Controller()
    @UseGuards(NativeGuard)
    class Forgetful {
      @NativeRoute(GET_SELF)
      good(): void {}

      @Get('v1/forgotten')
      forgotten(): void {}
    }

    @Controller()
    class Unguarded {
      @NativeRoute(GET_SELF)
      open(): void {}
    }

    expect(() => assertPolicies([Forgetful])).toThrow('Forgetful.forgotten');
    expect(() => assertPolicies([Unguarded])).toThrow('Unguarded.open');
    expect(() => assertPolicies([])).not.toThrow();
  });
});
