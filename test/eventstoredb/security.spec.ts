import { EventStoreDbStore, type EventStoreDbOptions } from '@ledger/event-store';
import { sampleCipher, sampleEvents } from '@ledger/event-store/testing';
import { EventStoreDouble } from './double/event-store-double.js';
import { Certificates, type ServerCertificate } from './support/certificates.js';

/** Until a database that is refused is given up: the handshake takes a small part of it. */
const OPEN_MS = 2_000;
const USER = { username: 'ledger', password: 'p@ss:word' };

interface Refused {
  readonly has: string;
  readonly ca?: 'theirs' | undefined;
  readonly host?: string;
  readonly validFor?: 'days' | 'no time';
  readonly why: RegExp;
}

const canMakeCertificates = Certificates.areAvailable();

if (!canMakeCertificates) {
  it.skip('TLS to the database: openssl is not installed, so there are no certificates', () => {});
}

(canMakeCertificates ? describe : describe.skip)('a database with TLS and users', () => {
  let certificates: Certificates;
  let caFile: string;
  let otherCaFile: string;
  let double: EventStoreDouble | undefined;

  beforeAll(() => {
    certificates = new Certificates();
    caFile = certificates.authority('ours');
    otherCaFile = certificates.authority('theirs');
  });
  afterAll(() => certificates.remove());
  afterEach(() => double?.stop());

  async function open(
    tls: ServerCertificate,
    options: Partial<EventStoreDbOptions>,
  ): Promise<EventStoreDbStore> {
    double = await EventStoreDouble.start({ tls, user: USER });
    const { connectionString } = double;
    const cipher = sampleCipher();
    return EventStoreDbStore.open({ connectionString, cipher, ...options });
  }

  it('is used with its authority and its user', async () => {
    const tls = certificates.signed('ours', 'localhost');
    const store = await open(tls, { tlsCaFile: caFile, credentials: USER });
    const appended = await store.append('s', 0, sampleEvents(1));
    expect(appended).toMatchObject({ outcome: 'appended' });
    expect(await store.read('s')).toHaveLength(1);
    await store.close();
  });

  it('is used with both in the connection string', async () => {
    const tls = certificates.signed('ours', 'localhost');
    double = await EventStoreDouble.start({ tls, user: USER });
    const user = `${USER.username}:${encodeURIComponent(USER.password)}`;
    const connectionString =
      double.connectionString.replace('://', `://${user}@`) +
      `&tlsCAFile=${encodeURIComponent(caFile)}`;
    const store = await EventStoreDbStore.open({ connectionString, cipher: sampleCipher() });
    expect(await store.head()).toBe(0n);
    await store.close();
  });

  it.each([
    { has: 'another authority', ca: 'theirs', why: /self.signed|unable to/ },
    { has: 'no authority that this machine knows', ca: undefined, why: /self.signed|unable to/ },
    { has: 'the name of another host', host: 'db.example.org', why: /altnames/ },
    { has: 'no time left', validFor: 'no time', why: /expired/ },
  ] as readonly Refused[])('is refused when its certificate has $has', async (refused) => {
    const { host = 'localhost', validFor = 'days', why } = refused;
    const tls = certificates.signed('ours', host, validFor);
    if (validFor === 'no time') await new Promise((resolve) => setTimeout(resolve, 1_100));
    const tlsCaFile = 'ca' in refused ? refused.ca && otherCaFile : caFile;
    const trust = tlsCaFile && { tlsCaFile };
    const opening = open(tls, { credentials: USER, openTimeoutMs: OPEN_MS, ...trust });
    await expect(opening).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
      cause: { message: expect.stringMatching(why) as string },
    });
  });

  it.each([
    ['a wrong password', { ...USER, password: 'changeit' }],
    ['nobody', undefined],
  ])('refuses %s, and says so', async (_, credentials) => {
    const tls = certificates.signed('ours', 'localhost');
    const user = credentials && { credentials };
    const opening = open(tls, { tlsCaFile: caFile, openTimeoutMs: OPEN_MS, ...user });
    await expect(opening).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
      message: 'the database refuses its user',
    });
  });
});

describe('what cannot be a connection is refused before anything is sent', () => {
  const cipher = sampleCipher();

  it.each([
    ['another protocol', { connectionString: 'http://127.0.0.1:2113' }],
    ['a certificate file that is not there', { tlsCaFile: '/nowhere/ca.crt' }],
    ['a prefix of system streams', { streamPrefix: '$ledger-' }],
    ['no prefix', { streamPrefix: '' }],
  ])('%s', async (_, options) => {
    const connectionString = 'esdb://localhost:2113';
    await expect(
      EventStoreDbStore.open({ connectionString, cipher, ...options }),
    ).rejects.not.toMatchObject({ code: 'STORE_UNAVAILABLE' });
  });

  it('a password is not sent without TLS', async () => {
    const user = USER;
    const double = await EventStoreDouble.start({ user });
    const { connectionString } = double;
    await expect(
      EventStoreDbStore.open({ connectionString, cipher, credentials: user }),
    ).rejects.toMatchObject({ message: 'the database refuses its user' });
    await double.stop();
  });
});
