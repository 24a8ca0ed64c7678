import { sampleCipher } from '../testing/sample-events.js';
import { AesGcmCipher } from './aes-gcm-cipher.js';

describe('AesGcmCipher', () => {
  it('opens what it sealed, also in another process with the same key', () => {
    const sealed = sampleCipher().seal('Zoë 🚀', 'user-1', 'here');
    // The bytes: two letters of its text would come up in base64 now and then.
    expect(Buffer.from(sealed.c, 'base64').includes('Zoë 🚀')).toBe(false);
    expect(sampleCipher().open(sealed, 'here')).toBe('Zoë 🚀');
  });

  it('refuses another place, subject or key, and altered text', () => {
    const cipher = sampleCipher();
    const sealed = cipher.seal('text', 'user-1', 'here');
    const altered = { ...sealed, c: `${sealed.c.startsWith('A') ? 'B' : 'A'}${sealed.c.slice(1)}` };
    expect(() => cipher.open(sealed, 'there')).toThrow('cannot be opened');
    expect(() => cipher.open({ ...sealed, subject: 'user-2' }, 'here')).toThrow('cannot be opened');
    expect(() => cipher.open(altered, 'here')).toThrow('cannot be opened');
    expect(() => cipher.open({ ...sealed, c: '' }, 'here')).toThrow('cannot be opened');
    expect(() => sampleCipher(9).open(sealed, 'here')).toThrow('ledger key does not belong');
  });

  it('never uses a nonce twice', () => {
    const cipher = sampleCipher();
    const nonces = Array.from({ length: 10_000 }, () => cipher.seal('', 'user-1', '').n);
    expect(new Set(nonces).size).toBe(nonces.length);
  });

  it('refuses a key of the wrong length', () => {
    expect(() => new AesGcmCipher(Buffer.alloc(16))).toThrow('16 bytes instead of 32');
  });
});
